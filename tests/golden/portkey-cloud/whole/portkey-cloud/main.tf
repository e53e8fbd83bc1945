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
# Policies (usage and rate limits by what a request says of itself) are of Portkey's Enterprise plan.
# A key that exists already must be given its team's metadata by hand (limits.json has it); until then
# neither the team's region nor its limits hold for it.

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
    "chat" = "chat/config.json"
    "nightly" = "nightly/config.json"
  }
  configs = { for name, path in local.files : name => jsondecode(file("${path.module}/${path}")) }
  guardrails = {
    for rail in jsondecode(file("${path.module}/guardrails.json")).guardrails : rail.name => rail
  }
  limits = jsondecode(file("${path.module}/limits.json"))
  keys = merge([
    for team in local.limits.teams : {
      for key in team.api_keys : "${team.name}/${key.name}" => {
        name     = key.name
        metadata = team.metadata
      } if !key.existing
    }
  ]...)
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

resource "portkey_api_key" "key" {
  for_each     = local.keys
  name         = each.value.name
  type         = "workspace"
  sub_type     = "service"
  workspace_id = var.workspace_id
  scopes       = ["completions.write"]
  metadata     = each.value.metadata # takes the place of what a request says of itself
}

resource "portkey_usage_limits_policy" "budget" {
  for_each            = { for policy in local.limits.usage_limits : policy.name => policy }
  name                = each.key
  workspace_id        = var.workspace_id
  type                = each.value.type
  credit_limit        = each.value.credit_limit
  alert_threshold     = try(each.value.alert_threshold, null)
  periodic_reset      = try(each.value.periodic_reset, null)
  periodic_reset_days = try(each.value.periodic_reset_days, null)
  conditions          = jsonencode(each.value.conditions)
  group_by            = jsonencode(each.value.group_by)
}

resource "portkey_rate_limits_policy" "rate" {
  for_each     = { for policy in local.limits.rate_limits : policy.name => policy }
  name         = each.key
  workspace_id = var.workspace_id
  type         = each.value.type
  unit         = each.value.unit
  value        = each.value.value
  conditions   = jsonencode(each.value.conditions)
  group_by     = jsonencode(each.value.group_by)
}

output "configs" {
  value = { for name, saved in portkey_config.route : name => saved.slug }
}

output "keys" {
  value     = { for name, made in portkey_api_key.key : name => made.key }
  sensitive = true
}
