{{- define "epaulet.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "epaulet.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "epaulet.labels" -}}
{{ include "epaulet.selector" . }}
app.kubernetes.io/part-of: epaulet
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "epaulet.injectorSecret" -}}
{{- $certificate := .Values.injector.certificate -}}
{{- if eq $certificate.mode "existing" -}}
{{ required "injector.certificate.secret: name the Secret, since mode is existing" $certificate.secret }}
{{- else -}}
epaulet-injector-certificate
{{- end -}}
{{- end }}

{{- /* What the programs of ours run with: as little as the sidecars. */ -}}
{{- define "epaulet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1337
runAsGroup: 1337
fsGroup: 1337
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "epaulet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "epaulet.probes" -}}
readinessProbe:
  httpGet: { path: /ready, port: status }
  periodSeconds: 3
livenessProbe:
  httpGet: { path: /live, port: status }
  periodSeconds: 10
{{- end }}

{{- /* Two of a kind on one node fail together. */ -}}
{{- define "epaulet.placement" -}}
{{- with .values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .values.affinity }}
affinity: {{ toJson . }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "epaulet.selector" . | nindent 8 }}
{{- end }}
