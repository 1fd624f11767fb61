"""Checks between layers: figures of the tables that a job wrote, before others build on them."""
