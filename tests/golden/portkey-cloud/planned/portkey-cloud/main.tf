# What Portkey has to hold for the files beside this one: saved configurations and, where the files say
# so, guardrails, keys of teams, and limits.
#
#     export PORTKEY_API_KEY=…          an admin key; Terraform's state will hold the keys it makes
#     terraform init && terraform apply -var workspace_id=…
#     terraform output -json configs > saved.json          client.py then sends the ids in it
#
# Not applied in designer's tests: needs an account. Its syntax is parsed there, and each attribute is
# checked against the provider's documentation of 2026-06-24.
# The workspace must hold every provider integration (`@slug`) that the configurations name.

terraform {
  required_providers {
    portkey = {
      source = "portkey-ai/portkey"
    }
  }
}

variable "workspace_id" {
  type        = string
  description = "The workspace in which everything stands."
}

locals {
  files = {
    "support-chat" = "support-chat/config.json"
    "nightly" = "nightly/config.json"
    "assistant" = "assistant/config.json"
  }
  configs = { for name, path in local.files : name => jsondecode(file("${path.module}/${path}")) }
  guardrails = {
    for rail in jsondecode(file("${path.module}/guardrails.json")).guardrails : rail.name => rail
  }
}

resource "portkey_config" "route" {
  for_each     = local.configs
  name         = each.key
  workspace_id = var.workspace_id
  # A saved configuration names guardrails by their slugs; one that is not made here keeps its name.
  config = jsonencode(merge(each.value, {
    for stage in ["input_guardrails", "output_guardrails"] : stage => [
      for name in each.value[stage] : try(portkey_guardrail.rail[name].slug, name)
    ] if can(each.value[stage])
  }))
}

resource "portkey_guardrail" "rail" {
  for_each     = local.guardrails
  name         = each.key
  workspace_id = var.workspace_id
  checks       = jsonencode(each.value.checks)
  actions      = jsonencode(each.value.actions)
}

output "configs" {
  value = { for name, saved in portkey_config.route : name => saved.slug }
}
