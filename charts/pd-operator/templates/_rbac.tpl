{{/*
What the operator may do: one rule per need, in the order of a tick.
tests/contract/chart/test_rbac.py holds the same list as a table of needs, and fails when a rule is missing
or grants more. No wildcard, no Secret but those that the values name, no escalate or bind.
*/}}
{{- define "pd-operator.rbacRules" -}}
# The services to run. The spec is the user's: it is read, never written.
- apiGroups: [serving.pd-operator.io]
  resources: [pdinferenceservices]
  verbs: [get, list, watch]
# What the operator observed and decided, for people and for its own next start.
- apiGroups: [serving.pd-operator.io]
  resources: [pdinferenceservices/status]
  verbs: [patch]
# A performance profile that the user keeps in a ConfigMap, read by its name.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- with .Values.prometheusTokenSecrets }}
# Tokens, passwords and certificates for a Prometheus that wants them, by the names that the chart's values give: no other Secret.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{ toJson . }}
  verbs: [get]
{{- end }}
# Workers are pods: their state, and through labels and annotations their traffic and their drain.
# Never deleted: lowering replicas does that. The same verbs let the operator hand each router's
# worker-table sidecar a Role to read pods, since nobody can grant what they do not hold.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch]
# The pools and the router: written by server-side apply (patch, and create where there is none yet),
# restored when edited or deleted. Deleted by Kubernetes, through their owner reference.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
# Replicas are changed here and nowhere else; read here of Deployments that other hands made.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [get, patch]
{{- range .Values.scaleTargets }}
# Workloads of other hands that services may name as their pools, by the chart's values: read and scaled, and never
# made, changed otherwise, or deleted.
- apiGroups: [{{ quote .apiGroup }}]
  resources: {{ toJson .resources }}
  verbs: [get]
{{- $scales := list }}
{{- range .resources }}
{{- $scales = append $scales (printf "%s/scale" .) }}
{{- end }}
- apiGroups: [{{ quote .apiGroup }}]
  resources: {{ toJson $scales }}
  verbs: [get, patch]
{{- end }}
# Who else scales such a workload: then nothing of it is changed.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
# The service's address, and headless Services that give workers names.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
# The identity of the router's sidecar.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, list, watch, create, patch]
# What that identity may do: read the pods of its namespace.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch]
# Node drains take one worker of a pool at a time.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
# The scrape configuration of a service, where the Prometheus operator's CRD exists.
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, create, patch]
# Transitions, told as Events on the service.
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- define "pd-operator.leaseRules" -}}
# The Lease that says which of this release's pods acts: that one, by its name, and no other. It is made by
# server-side apply, which names what it creates.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "pd-operator.fullname" . }}]
  verbs: [get, create, patch]
{{- end -}}
