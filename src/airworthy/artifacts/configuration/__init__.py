"""What lies beside weights and tells how they are used: configuration, tokenizer, chat template."""
