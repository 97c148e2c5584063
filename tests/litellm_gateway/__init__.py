"""A stock LiteLLM 1.109.1, pointed at the embedded stack with nothing but its own settings (``make test-litellm``)."""
