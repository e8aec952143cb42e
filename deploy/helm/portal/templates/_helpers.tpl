{{- define "portal.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "portal.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "portal.labels" -}}
{{ include "portal.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Arguments of the following: a dict with `root` (the top) and `service` (a name). */}}
{{- define "portal.image" -}}
{{- $image := .root.Values.image -}}
{{- $digest := get $image.digests .service -}}
{{- $name := printf "%s/%s" $image.registry .service -}}
{{- if $digest }}{{ $name }}@{{ $digest }}{{ else }}{{ $name }}:{{ default .root.Chart.AppVersion $image.tag }}{{ end -}}
{{- end -}}

{{/* The address of a service: complete, because nginx does not use search domains. */}}
{{- define "portal.url" -}}
http://{{ include "portal.fullname" .root }}-{{ .service }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}:8000
{{- end -}}

{{/* The port of a service with the routes of operators: readers have another one, if it has any. */}}
{{- define "portal.operatorPort" -}}
{{- has . (list "gateway" "downloader") | ternary "operators" "http" -}}
{{- end -}}

{{/* Readiness asks the port that clients use; the others ask that of operators, if there is one. */}}
{{- define "portal.probes" -}}
startupProbe:
  httpGet: {path: {{ .startup }}, port: {{ .operators | default "http" }}}
  timeoutSeconds: 2
  periodSeconds: 5
  failureThreshold: 120 # databases may be slow: ten minutes
livenessProbe:
  httpGet: {path: {{ .live }}, port: {{ .operators | default "http" }}}
  timeoutSeconds: 2
  periodSeconds: 15
  failureThreshold: 4
readinessProbe:
  httpGet: {path: {{ .ready }}, port: http}
  timeoutSeconds: 2
  periodSeconds: 10
  failureThreshold: 3
{{- end -}}

{{- define "portal.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "portal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Replicas of a service are spread over nodes as far as possible. */}}
{{- define "portal.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "portal.selector" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .service }}
{{- end -}}

{{- define "portal.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "portal.cacheClaim" -}}
{{ .Values.cache.existingClaim | default (printf "%s-cache" (include "portal.fullname" .)) }}
{{- end -}}

{{- define "portal.host" -}}
{{ .Values.ingress.host | default (get (urlParse .Values.siteUrl) "hostname") }}
{{- end -}}
