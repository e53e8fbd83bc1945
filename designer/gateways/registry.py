"""All gateways, by token, and which of them a file belongs to."""

from collections.abc import Mapping

from designer.gateways.base import Gateway
from designer.gateways.litellm import LITELLM
from designer.gateways.openrouter import OPENROUTER
from designer.gateways.portkey_cloud import PORTKEY_CLOUD
from designer.gateways.portkey_oss import PORTKEY_OSS

GATEWAYS: Mapping[str, Gateway] = {
    gateway.name: gateway for gateway in (LITELLM, PORTKEY_OSS, PORTKEY_CLOUD, OPENROUTER)
}
