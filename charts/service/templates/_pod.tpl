{{/* What all pods have in common, as Pod Security's restricted profile wants it. */}}
{{- define "service.podDefaults" -}}
serviceAccountName: {{ include "service.serviceAccountName" . | quote }}
# The Pod Identity agent brings a token of its own.
automountServiceAccountToken: false
# Variables called after other services of the namespace would be taken for settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
  {{- if .Values.icmp }}
  sysctls:
    # Groups that may send pings; the app's alone.
    - name: net.ipv4.ping_group_range
      value: "10001 10001"
  {{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- if or .Values.architecture .Values.nodeSelector }}
nodeSelector:
  {{- with .Values.architecture }}
  kubernetes.io/arch: {{ . }}
  {{- end }}
  {{- range $label, $value := .Values.nodeSelector }}
  {{ $label | quote }}: {{ $value | quote }}
  {{- end }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- range . }}
  - operator: {{ .operator | default "Equal" }}
    {{- with .key }}
    key: {{ . | quote }}
    {{- end }}
    {{- with .value }}
    value: {{ . | quote }}
    {{- end }}
    {{- with .effect }}
    effect: {{ . }}
    {{- end }}
  {{- end }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: {{ .Values.tmpSizeLimit | quote }}
{{- end }}

{{/* What all containers have in common. */}}
{{- define "service.containerDefaults" -}}
image: {{ printf "%s@%s" .Values.image.repository .Values.image.digest | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  privileged: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end }}

{{/* The environment of the app. */}}
{{- define "service.environment" -}}
env:
  - name: PORT
    value: {{ .Values.port | int | quote }}
  - name: HEALTH_PATH
    value: {{ .Values.healthPath | quote }}
  - name: DRAIN_SECONDS
    value: {{ .Values.drainSeconds | int | quote }}
  {{- range $name, $value := .Values.env }}
  - name: {{ $name | quote }}
    value: {{ include "service.literal" $value }}
  {{- end }}
{{- if .Values.externalSecret.enabled }}
envFrom:
  - secretRef:
      name: {{ include "service.fullname" . | quote }}
{{- end }}
{{- end }}

{{/* How a Deployment replaces its pods, and which they are: (list $ "component"). */}}
{{- define "service.rollout" -}}
{{- with (index . 0).Values.rollout -}}
revisionHistoryLimit: {{ .revisionHistoryLimit | int }}
progressDeadlineSeconds: {{ .progressDeadlineSeconds | int }}
minReadySeconds: {{ .minReadySeconds | int }}
strategy:
  type: RollingUpdate
  rollingUpdate:
    maxSurge: {{ .maxSurge }}
    maxUnavailable: 0
{{- end }}
selector:
  matchLabels:
    {{- include "service.selectorLabels" . | nindent 4 }}
{{- end }}

{{/* Spread of pods, wished and not demanded: with a zone lost, new pods and a way back count for more: (list $ "component"). */}}
{{- define "service.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "service.selectorLabels" $ | nindent 8 }}
    # Counts the pods of one version, so that those about to go do not push new ones aside.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{/* Annotations of pods: the ones asked for, and what must restart them when it changes. */}}
{{- define "service.podAnnotations" -}}
{{- $annotations := dict }}
{{- if .Values.externalSecret.enabled }}
{{- $_ := set $annotations "checksum/external-secret" (include (print $.Template.BasePath "/externalsecret.yaml") . | sha256sum) }}
{{- end }}
{{- range $name, $value := merge $annotations .Values.podAnnotations }}
{{ $name | quote }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* What scanners shall not ask of a Deployment, each with its reason. */}}
{{- define "service.exceptions" -}}
# Spreading over hosts does what it asks for, and goes on doing it when there are more pods than hosts.
kube-score/ignore: deployment-has-host-podantiaffinity
{{- if .Values.externalSecret.enabled }}
checkov.io/skip1: CKV_K8S_35=The app takes its settings from the environment, on every compute alike
{{- end }}
{{- end }}
