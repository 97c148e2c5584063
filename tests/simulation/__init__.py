"""A deterministic simulation of the whole way: the real pipelines between models of what they run on."""
