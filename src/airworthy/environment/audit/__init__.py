"""Packages compared with published advisories, licences and withdrawn releases; what could not be asked is unknown."""
