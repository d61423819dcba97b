"""The nouns that every other room speaks: facts, findings, reports, models, devices, errors.

Nothing here reads the host, a file or the network, and nothing here imports another room.
"""
