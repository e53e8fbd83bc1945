"""The workload profile: what an organisation asks of its language models, as typed values.

`load.load_profile` reads one and reports all mistakes at once; `model.Profile` is what it means;
`policy.policy_of` says what applies to one workload. Nothing is imported here, so that taking one
module does not cost the others.
"""
