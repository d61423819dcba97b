"""The runtimes that load models and run batches; each library is imported only in its own file, on use."""
