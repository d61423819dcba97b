"""The Open Inference Protocol, version 2: REST, gRPC, statistics, model repository."""
