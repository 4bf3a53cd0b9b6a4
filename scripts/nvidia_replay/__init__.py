"""pd-operator behind the scaling-policy hook of NVIDIA Dynamo's replay: another group's judge."""
