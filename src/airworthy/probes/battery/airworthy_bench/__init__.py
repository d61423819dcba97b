"""The battery as the examined interpreter runs it. It imports nothing of airworthy, and is fed and read as JSON."""
