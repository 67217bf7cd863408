{{- define "restage.image" -}}
{{- with .root.Values.registry }}{{ . }}/{{ end }}{{ .name }}:{{ .root.Values.tag }}
{{- end }}

{{- define "restage.injection" -}}
{{- $version := default .Capabilities.KubeVersion.Version .Values.kubeVersion }}
{{- $policies := semverCompare ">=1.36.0-0" $version }}
{{- $chosen := default (ternary "workload" "webhook" $policies) .Values.injection }}
{{- if and (has $chosen (list "workload" "policy")) (not $policies) }}
{{- fail (printf "injection: %q: needs MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, which Kubernetes has from 1.36 on, and this is %s; use webhook" $chosen $version) }}
{{- end }}
{{- $chosen }}
{{- end }}
