{{/* The settings of a service as a map, without secrets. Names are those of docs/settings.md. */}}
{{- define "portal.settings" -}}
{{- $root := .root -}}
{{- $service := .service -}}
{{- $external := $root.Values.external -}}
{{- $own := dict "PORTAL_SITE_URL" ($root.Values.siteUrl | trimSuffix "/") -}}
{{- if $external.collector.url -}}{{- $_ := set $own "PORTAL_OTLP_URL" $external.collector.url -}}{{- end -}}
{{- if has $service (list "ingest" "downloader") -}}
  {{- $ofTape := and (eq $service "downloader") (ne $external.tape.kind "ids") -}}
  {{- if not $ofTape -}}
    {{- $own = merge $own (dict "PORTAL_ICAT_URL" $external.icat.url "PORTAL_ICAT_AUTHENTICATOR" $external.icat.authenticator "PORTAL_ICAT_USER" $external.icat.user) -}}
    {{- if $external.icat.ca.configMap -}}{{- $_ := set $own "PORTAL_ICAT_CA_FILE" "/etc/portal/ca/icat/ca.pem" -}}{{- end -}}
  {{- end -}}
  {{- if $root.Values.intake.existingClaim -}}{{- $_ := set $own "PORTAL_INTAKE_ROOT" "/archive" -}}{{- end -}}
{{- end -}}
{{- if has $service (list "indexer" "gateway") -}}
  {{- $_ := set $own "PORTAL_MEILISEARCH_URL" $external.meilisearch.url -}}
  {{- if $external.meilisearch.ca.configMap -}}{{- $_ := set $own "PORTAL_MEILISEARCH_CA_FILE" "/etc/portal/ca/meilisearch/ca.pem" -}}{{- end -}}
{{- end -}}
{{- if eq $service "doi" -}}
  {{- $own = merge $own (dict "PORTAL_DATACITE_URL" $external.datacite.url "PORTAL_DATACITE_PREFIX" $external.datacite.prefix "PORTAL_DATACITE_USER" $external.datacite.user) -}}
  {{- if $external.datacite.ca.configMap -}}{{- $_ := set $own "PORTAL_DATACITE_CA_FILE" "/etc/portal/ca/datacite/ca.pem" -}}{{- end -}}
{{- end -}}
{{- if eq $service "gateway" -}}
  {{- $_ := set $own "PORTAL_DOWNLOADER_URL" (include "portal.url" (dict "root" $root "service" "downloader")) -}}
  {{- if $external.smtp.host -}}
    {{- $own = merge $own (dict "PORTAL_SMTP_HOST" $external.smtp.host "PORTAL_SMTP_PORT" $external.smtp.port "PORTAL_SMTP_STARTTLS" $external.smtp.starttls "PORTAL_SMTP_USER" $external.smtp.user "PORTAL_SMTP_FROM" $external.smtp.from) -}}
  {{- end -}}
{{- end -}}
{{- if eq $service "downloader" -}}
  {{- $_ := set $own "PORTAL_ARCHIVE" $external.tape.kind -}}
  {{- $_ := set $own "PORTAL_CACHE_DIR" "/data/cache" -}}
  {{- if eq $external.tape.kind "wlcg" -}}
    {{- $_ := set $own "PORTAL_TAPE_URL" $external.tape.url -}}
    {{- if $external.tape.filesUrl -}}{{- $_ := set $own "PORTAL_TAPE_FILES_URL" $external.tape.filesUrl -}}{{- end -}}
    {{- if $external.tape.ca.configMap -}}{{- $_ := set $own "PORTAL_TAPE_CA_FILE" "/etc/portal/ca/tape/ca.pem" -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- mergeOverwrite $own $root.Values.env (get $root.Values.services $service).env | toYaml -}}
{{- end -}}

{{/* The secrets of a service: a list of Secret, key and the name of the file, which is the setting. */}}
{{- define "portal.secrets" -}}
{{- $root := .root -}}
{{- $service := .service -}}
{{- $external := $root.Values.external -}}
{{- $wanted := list (list "PORTAL_AMQP_URL" $external.rabbitmq) -}}
{{- if ne $service "topology" -}}{{- $wanted = append $wanted (list "PORTAL_MONGO_URL" $external.mongodb) -}}{{- end -}}
{{- if ne $service "topology" -}}{{- $wanted = append $wanted (list "PORTAL_OPERATOR_TOKEN" $root.Values.operator) -}}{{- end -}}
{{- if has $service (list "indexer" "gateway") -}}{{- $wanted = append $wanted (list "PORTAL_MEILISEARCH_KEY" $external.meilisearch) -}}{{- end -}}
{{- if or (eq $service "ingest") (and (eq $service "downloader") (eq $external.tape.kind "ids")) -}}{{- $wanted = append $wanted (list "PORTAL_ICAT_PASSWORD" $external.icat) -}}{{- end -}}
{{- if eq $service "doi" -}}{{- $wanted = append $wanted (list "PORTAL_DATACITE_PASSWORD" $external.datacite) -}}{{- end -}}
{{- if and (eq $service "downloader") (eq $external.tape.kind "wlcg") -}}{{- $wanted = append $wanted (list "PORTAL_TAPE_TOKEN" $external.tape) -}}{{- end -}}
{{- if and (eq $service "gateway") $external.smtp.host -}}{{- $wanted = append $wanted (list "PORTAL_SMTP_PASSWORD" $external.smtp) -}}{{- end -}}
{{- if and (eq $service "topology") $external.rabbitmq.managementKey -}}
  {{- $wanted = append $wanted (list "PORTAL_AMQP_MANAGEMENT_URL" (dict "existingSecret" $external.rabbitmq.existingSecret "key" $external.rabbitmq.managementKey)) -}}
  {{- range $client, $key := omit $external.rabbitmq.serviceKeys "topology" -}}
    {{- $wanted = append $wanted (list (printf "PORTAL_AMQP_URL_%s" (upper $client)) (dict "existingSecret" $external.rabbitmq.existingSecret "key" $key)) -}}
  {{- end -}}
{{- end -}}
{{- $found := list -}}
{{- range $wanted -}}
  {{- $source := last . -}}
  {{- if $source.existingSecret -}}
    {{- $key := get ($source.serviceKeys | default dict) $service | default $source.key -}}
    {{- $found = append $found (dict "secret" $source.existingSecret "key" $key "file" (first .)) -}}
  {{- end -}}
{{- end -}}
{{- $found | toYaml -}}
{{- end -}}

{{/* The certificates of private authorities that a service reads: a list of system and ConfigMap. */}}
{{- define "portal.authorities" -}}
{{- $external := .root.Values.external -}}
{{- $systems := dict "ingest" (list "icat") "doi" (list "datacite") "downloader" (list (eq $external.tape.kind "ids" | ternary "icat" "tape")) "indexer" (list "meilisearch") "gateway" (list "meilisearch") -}}
{{- $servers := eq .service "topology" | ternary (list "rabbitmq") (list "rabbitmq" "mongodb") -}}
{{- $found := list -}}
{{- range concat $servers (get $systems .service | default list) -}}
  {{- $ca := (get $external .).ca -}}
  {{- if $ca.configMap -}}{{- $found = append $found (dict "system" . "configMap" $ca.configMap "key" $ca.key) -}}{{- end -}}
{{- end -}}
{{- $found | toYaml -}}
{{- end -}}

{{/* A volume with the secrets of a service, one file per setting. */}}
{{- define "portal.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range include "portal.secrets" . | fromYamlArray }}
      - secret:
          name: {{ .secret }}
          items: [{key: {{ .key }}, path: {{ .file }}}]
      {{- end }}
{{- end -}}
