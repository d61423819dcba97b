"""Refreshing the knowledge tables from the pages that their publishers keep."""
