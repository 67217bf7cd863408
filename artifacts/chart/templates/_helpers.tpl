{{- define "restage.image" -}}
{{- with .root.Values.registry }}{{ . }}/{{ end }}{{ .name }}:{{ .root.Values.tag }}
{{- end }}
