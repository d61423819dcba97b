"""Causes in how binaries find and bind their libraries."""
