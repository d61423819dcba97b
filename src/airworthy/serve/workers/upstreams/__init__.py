"""Language models that other servers run: the link that takes their place among workers."""
