{{- define "restage.image" -}}
{{- with .root.Values.registry }}{{ . }}/{{ end }}{{ .name }}:{{ .root.Values.tag }}
{{- end }}

{{- define "restage.injection" -}}
{{- $suits := ternary "workload" "webhook" (semverCompare ">=1.36.0-0" (default .Capabilities.KubeVersion.Version .Values.kubeVersion)) }}
{{- default $suits .Values.injection }}
{{- end }}
