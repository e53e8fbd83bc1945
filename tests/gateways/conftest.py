from tests.gateways.fixtures import litellm, portkey, upstream

__all__ = ["litellm", "portkey", "upstream"]
