{{- define "keyturn.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "keyturn.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "keyturn.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "keyturn.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "keyturn.server.fullname" -}}
{{- printf "%s-server" (include "keyturn.fullname" .) -}}
{{- end -}}

{{- /* Labels by which pods are selected: they must never change. */ -}}
{{- define "keyturn.selector" -}}
app.kubernetes.io/name: {{ include "keyturn.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /* Not app.kubernetes.io/managed-by=keyturn, which is the label of what Keyturn itself writes. */ -}}
{{- define "keyturn.labels" -}}
{{ include "keyturn.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "keyturn.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "keyturn.serviceAccount" -}}
{{- default (include "keyturn.fullname" .) .Values.operator.serviceAccount.name -}}
{{- end -}}

{{- define "keyturn.server.serviceAccount" -}}
{{- default (include "keyturn.server.fullname" .) .Values.server.serviceAccount.name -}}
{{- end -}}

{{- define "keyturn.server.port" -}}
{{- default (ternary 443 80 (ne .Values.server.tls.secretName "")) (int .Values.server.service.port) -}}
{{- end -}}
