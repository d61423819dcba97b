"""The only readers of a host: each probe reads one thing and provides its facts."""
