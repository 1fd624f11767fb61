"""The two-tower retrieval model, the ranking model, their training and their registry."""
