"""Foretelling from what is only planned: packages to install, data types to run in, a machine that isn't there.

A rule stands beside the entry whose cause it foretells; it uses that entry's message, page and ways out.
"""
