"""Annotated or synthetic CT in, a model bundle out."""
