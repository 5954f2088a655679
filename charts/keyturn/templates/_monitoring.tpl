{{- /* Takes root, component and name. Headless: who reads metrics wants each replica. */ -}}
{{- define "keyturn.metricsService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}-metrics
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "keyturn.labels" . | nindent 4 }}
spec:
  clusterIP: None
  selector: {{- include "keyturn.selector" . | nindent 4 }}
  ports:
    - { name: admin, port: 8081, targetPort: admin }
{{- end -}}

{{- define "keyturn.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "keyturn.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "keyturn.selector" . | nindent 6 }}
{{- end -}}

{{- /* Takes root, component, name and serves. */ -}}
{{- define "keyturn.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "keyturn.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "keyturn.selector" . | nindent 6 }}
  policyTypes: [Ingress{{ if .root.Values.networkPolicy.egress }}, Egress{{ end }}]
  ingress:
    - ports: [{ port: admin }]
      {{- with .root.Values.networkPolicy.metricsFrom }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- if .serves }}
    - ports: [{ port: jwks }]
      {{- with .root.Values.networkPolicy.serverFrom }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
  {{- with .root.Values.networkPolicy.egress }}
  egress: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
