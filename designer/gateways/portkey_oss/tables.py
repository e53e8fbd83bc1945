"""Names of the open-source gateway: its providers, addresses and limits.

Read in `@portkey-ai/gateway` 1.15.2 on 2026-11-22, whose schema refuses any other provider.
"""

from collections.abc import Mapping

PROVIDERS = frozenset(
    """
    302ai ai21 aibadgr anthropic anyscale azure-ai azure-openai bedrock bytez cerebras cohere cometapi
    cortex dashscope deepbricks deepinfra deepseek featherless-ai fireworks-ai github google groq
    huggingface hyperbolic inference-net iointelligence jina kluster-ai krutrim lambda lemonfox-ai
    lepton lingyi matterai meshy milvus mistral-ai modal monsterapi moonshot ncompass nebius nextbit
    nomic novita-ai nscale ollama openai openrouter oracle ovhcloud palm perplexity-ai portkey
    predibase qdrant recraft-ai reka-ai replicate sagemaker sambanova segmind siliconflow stability-ai
    together-ai tripo3d triton upstage vertex-ai voyage workers-ai x-ai z-ai zhipu
    """.split()  # noqa: SIM905 - 74 quoted names read worse
)

COMPATIBLE = "openai"
"""The provider as which any server with OpenAI's API is addressed."""
LOCAL = {"ollama": "http://localhost:11434", COMPATIBLE: "http://localhost:8000/v1"}
"""Where a server of one's own listens by default: Ollama's port and vLLM's."""

NOT_IN_HOST: Mapping[str, str] = dict.fromkeys(("cohere", "deepseek", "ollama"), "/v1")
"""What an address must not end with: the gateway adds it itself."""

VERTEX_REGION = "global"
VERTEX_SECRET = "env:GOOGLE_APPLICATION_CREDENTIALS"

PARTNER_SECRET = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
"""How the name of AWS's second secret follows from that of the first."""

TRUSTED_HOSTS = ("localhost", "127.0.0.1", "::1", "host.docker.internal")
"""What `TRUSTED_CUSTOM_HOSTS` replaces: private hosts that the gateway lets a target name."""

PRIVATE_SUFFIXES = (
    *(".local", ".localdomain", ".internal", ".intranet", ".lan", ".home", ".corp", ".test"),
    *(".invalid", ".onion", ".localhost"),
)
"""Names that are refused otherwise, as private addresses are."""

MAX_HEADER_BYTES = 16 * 1024
"""Node.js answers 431 above it (measured on 1.15.2, 2026-11-22)."""
