"""What lies beside weights and says how they are used: configuration, tokenizer, chat template."""
