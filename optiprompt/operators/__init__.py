"""Proposal operators: each one way in which a search comes to new candidates. One file each."""
