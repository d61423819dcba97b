"""The container that airworthy wrote before age (ADR 0013): read for one more release, never written."""
