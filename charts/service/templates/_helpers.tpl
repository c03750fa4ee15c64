{{/* Name of the release's objects. Helm allows releases names that no Service may have. */}}
{{- define "service.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name }}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $name) }}
{{- fail (printf "The release is called %s, and a Service's name is a letter, then letters, digits and hyphens. Choose another name, or set fullnameOverride." $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{/* Name of one more object: (list $ "suffix"). Where both together are too long, a hash stands for the end of the first. */}}
{{- define "service.named" -}}
{{- $fullname := include "service.fullname" (index . 0) }}
{{- $name := printf "%s-%s" $fullname (index . 1) }}
{{- if gt (len $name) 63 }}
{{- $kept := trunc (int (sub 53 (len (index . 1)))) $fullname | trimSuffix "-" }}
{{- $name = printf "%s-%s-%s" $kept (sha256sum $fullname | trunc 8) (index . 1) }}
{{- end }}
{{- $name }}
{{- end }}

{{/* Name of the worker's objects: the release's own where it is alone. */}}
{{- define "service.worker" -}}
{{- if .Values.server.enabled }}{{ include "service.named" (list . "worker") }}{{ else }}{{ include "service.fullname" . }}{{ end }}
{{- end }}

{{/* Labels by which selectors find pods: (list $ "component"). They cannot change, so nothing that may goes in here. */}}
{{- define "service.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* Labels of an object: (list $ "component"). */}}
{{- define "service.labels" -}}
{{- $root := index . 0 -}}
{{ include "service.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Values.image.digest | trimPrefix "sha256:" | trunc 12 | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Name and namespace and labels: (list $ "name" "component"). */}}
{{- define "service.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 | quote }}
namespace: {{ $root.Release.Namespace | quote }}
labels:
  {{- include "service.labels" (list $root (index . 2)) | nindent 2 }}
{{- end }}

{{- define "service.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "service.fullname" .) }}
{{- end }}

{{/* Text that the kubelet takes literally: it replaces $(NAME) and turns $$ into $. */}}
{{- define "service.literal" -}}
{{ replace "$" "$$" . | quote }}
{{- end }}

{{/* How many pods of a component there are, `minReplicas` or `maxReplicas` where they are counted by use: (list $ "component" "bound"). */}}
{{- define "service.count" -}}
{{- $values := (index . 0).Values }}
{{- $bound := index . 2 }}
{{- if eq (index . 1) "server" }}
{{- if $values.server.enabled }}{{ ternary (index $values.autoscaling $bound) $values.replicaCount $values.autoscaling.enabled | int }}{{ else }}0{{ end }}
{{- else }}
{{- with $values.worker }}
{{- if .command }}{{ ternary (index .autoscaling $bound) .replicaCount .autoscaling.enabled | int }}{{ else }}0{{ end }}
{{- end }}
{{- end }}
{{- end }}
