"""Names of the hosted product: provider slugs, and what stands for the catalog's providers.

Read in the vendor's documentation (snapshot of 2026-08-21) on 2026-11-22.
"""

PROVIDERS = (
    *("openai", "azure", "anthropic", "bedrock", "gemini", "vertex", "mistral", "cohere", "groq"),
    *("deepseek", "xai", "together", "fireworks", "perplexity", "moonshot", "zai", "minimax"),
    *("dashscope", "cerebras", "deepinfra", "voyage", "ollama", "vllm"),
)
"""The catalog's providers. A slug begins with one of them, so that reading a configuration back finds
it without asking Portkey."""

SLUG = "slug"
"""The setting of a deployment that holds the slug of its provider integration."""

API_URL = "https://api.portkey.ai"
MAX_HEADER_BYTES = 16 * 1024
"""The open-source gateway's limit (measured on 1.15.2, 2026-11-22), assumed here too."""
