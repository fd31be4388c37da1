"""The generative-AI playground."""
