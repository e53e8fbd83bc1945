"""The reference runtime: an OpenAI-compatible gateway that runs an emitted configuration."""
