{{- /* The least that works; docs/rbac.md says what each rule is for, and a test notices one that is missing or not needed. */ -}}
{{- define "keyturn.rules" -}}
- apiGroups: [keyturn.dev]
  resources: [jwkskeysets]
  verbs: [get, list, watch]
- apiGroups: [keyturn.dev]
  resources: [jwkskeysets/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- define "keyturn.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
{{- end -}}
