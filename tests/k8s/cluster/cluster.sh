#!/usr/bin/env bash
# A real one-node Kubernetes for tests, without a container engine and without a route to anywhere:
#
#   cluster.sh build     the programs, by Go from their published modules, into the cache (long, once for each go.sum)
#   cluster.sh up        API server, controllers, scheduler, kubelet, kube-proxy; imports $IMAGES/*.tar
#   cluster.sh down      pods first, then our own processes, by their ids, then the namespace
#   cluster.sh api-down | api-up   the API server alone
#   cluster.sh kubectl ARGUMENT...
#
# Everything runs in the network namespace $NS. Needs root, Debian's containerd, runc and CNI plugins, Go 1.26 or later.
set -uo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
WORK=${EPAULET_K8S_WORK:-${XDG_CACHE_HOME:-$HOME/.cache}/epaulet-kubernetes}
NS=${EPAULET_K8S_NS:-epkube}
IMAGES=${IMAGES:-$WORK/images}
VERSION=v1.34.4
NODE=10.200.0.1
API=https://127.0.0.1:6443
BIN=$WORK/bin PKI=$WORK/pki RUN=$WORK/run
IN="nsenter --net=/run/netns/$NS"
mkdir -p "$WORK" "$BIN" "$RUN" "$IMAGES"

say() { printf '%s\n' "$*" >&2; }
die() { say "cluster.sh: $*"; exit 1; }
background() {
  local name=$1
  shift
  (setsid $IN "$@" >"$RUN/$name.log" 2>&1 & echo $! >"$RUN/$name.pid")
}
kubectl() { $IN "$BIN/kubectl" --kubeconfig "$PKI/admin.kubeconfig" "$@"; }

program_of() { case $1 in */etcd/server/v3) echo etcd ;; *) basename "$1" ;; esac; }

build_module() {  # FOLDER LDFLAGS PACKAGE...
  local folder=$1 flags=$2 work=$WORK/build-$1 package missing=0
  shift 2
  # The lists of versions decide; the sources need not be fetched when they have been built.
  for package in "$@"; do [ -x "$BIN/$(program_of "$package")" ] || missing=1; done
  if [ $missing = 0 ] && cmp -s "$HERE/$folder/go.sum" "$work/go.sum" && cmp -s "$HERE/$folder/go.mod" "$work/go.mod"; then return; fi
  say "building $*"
  mkdir -p "$work" && cp "$HERE/$folder/go.mod" "$HERE/$folder/go.sum" "$work/" && chmod u+w "$work"/go.*
  (cd "$work" && GOFLAGS=-mod=readonly CGO_ENABLED=0 nice go build -trimpath -tags "${TAGS:-}" -ldflags "-s -w $flags" -o "$BIN/" "$@") ||
    { rm -f "$work/go.sum"; die "go could not build $folder"; }
  [ ! -x "$BIN/server" ] || mv "$BIN/server" "$BIN/etcd"
}

build() {
  local k=k8s.io/kubernetes/cmd stamp="-X k8s.io/component-base/version.gitVersion=$VERSION
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34 -X k8s.io/client-go/pkg/version.gitVersion=$VERSION"
  build_module kubernetes "$(echo $stamp)" $k/kube-apiserver $k/kube-controller-manager $k/kube-scheduler $k/kubelet $k/kube-proxy $k/kubectl
  build_module etcd "" go.etcd.io/etcd/server/v3
  build_module tools "" helm.sh/helm/v3/cmd/helm github.com/yannh/kubeconform/cmd/kubeconform
  build_module coredns "" github.com/coredns/coredns
  # Of all ways to find targets Kubernetes' alone; no pages.
  TAGS="remove_all_sd enable_kubernetes_sd" build_module prometheus "" github.com/prometheus/prometheus/cmd/prometheus
  fetch_routes
  fetch_schemas
}

fetch_schemas() {  # Kubernetes' own, of the version that is built.
  local module=k8s.io/kubernetes work=$WORK/build-schemas from
  if [ -s "$WORK/swagger.json" ] && cmp -s "$HERE/kubernetes/go.sum" "$work/go.sum"; then return; fi
  mkdir -p "$work" && cp "$HERE/kubernetes/go.mod" "$HERE/kubernetes/go.sum" "$work/" && chmod u+w "$work"/go.*
  from=$(cd "$work" && go mod download $module && GOFLAGS=-mod=readonly go list -m -f '{{.Dir}}' $module)/api/openapi-spec
  install -m 0644 "$from/swagger.json" "$WORK/swagger.json" || { rm -f "$work/go.sum"; die "no schemas in $module"; }
}

fetch_routes() {  # Gateway API's definitions of HTTPRoute and GRPCRoute, as they are published.
  local module=sigs.k8s.io/gateway-api folder=$WORK/gateway-api work=$WORK/build-gateway-api from kind
  if [ -s "$folder/grpcroutes.yaml" ] && cmp -s "$HERE/gateway-api/go.sum" "$work/go.sum"; then return; fi
  mkdir -p "$work" "$folder" && cp "$HERE/gateway-api/go.mod" "$HERE/gateway-api/go.sum" "$work/" && chmod u+w "$work"/go.*
  from=$(cd "$work" && go mod download $module && GOFLAGS=-mod=readonly go list -m -f '{{.Dir}}' $module)/config/crd/standard
  for kind in httproutes grpcroutes; do
    install -m 0644 "$from/gateway.networking.k8s.io_$kind.yaml" "$folder/$kind.yaml" || { rm -f "$work/go.sum"; die "no $kind in $module"; }
  done
}

certificate() {  # NAME SUBJECT SAN USAGE
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" 2>/dev/null -extfile <(
    echo "keyUsage=digitalSignature,keyEncipherment"
    echo "extendedKeyUsage=$4"
    [ -z "$3" ] || echo "subjectAltName=$3")
}

make_pki() {
  mkdir -p "$PKI" && cd "$PKI" || exit 1
  if [ -s proxy.kubeconfig ] && openssl x509 -checkend 86400 -in ca.crt >/dev/null; then return; fi
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout ca.key -out ca.crt -subj /CN=test-cluster 2>/dev/null
  certificate apiserver /CN=kube-apiserver \
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$NODE,IP:10.96.0.1" serverAuth
  certificate kubelet-client /O=system:masters/CN=apiserver-kubelet-client "" clientAuth
  certificate kubelet /O=system:nodes/CN=system:node:node1 "DNS:node1,IP:$NODE" serverAuth,clientAuth
  certificate admin /O=system:masters/CN=admin "" clientAuth
  certificate kcm /CN=system:kube-controller-manager "" clientAuth
  certificate sched /CN=system:kube-scheduler "" clientAuth
  certificate proxy /CN=system:kube-proxy "" clientAuth
  openssl genrsa -out sa.key 2048 2>/dev/null
  openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
  local user
  for user in admin kcm sched kubelet proxy; do
    cat >$user.kubeconfig <<YAML
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "$API", certificate-authority: $PKI/ca.crt}}]
users: [{name: u, user: {client-certificate: $PKI/$user.crt, client-key: $PKI/$user.key}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
YAML
  done
}

write_configuration() {
  rm -rf "$WORK/cni" "$WORK/cni-bin"  # What a DaemonSet may have left there.
  mkdir -p "$WORK/cni" "$WORK/cni-bin" "$RUN/podlogs" "$RUN/volplugins" "$RUN/kubelet"
  ln -s /usr/lib/cni/* "$WORK/cni-bin/"
  # restrict_oom_score_adj: CAP_SYS_RESOURCE may be missing.
  cat >"$WORK/containerd.toml" <<TOML
version = 2
root = "$WORK/croot"
state = "$WORK/cstate"
[grpc]
  address = "$WORK/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/local/pause:test"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$WORK/cni-bin"
    conf_dir = "$WORK/cni"
TOML
  cat >"$WORK/cni/10-test.conflist" <<JSON
{"cniVersion":"0.4.0","name":"test","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":false,"hairpinMode":true,
  "ipam":{"type":"host-local","dataDir":"$WORK/ipam","ranges":[[{"subnet":"10.244.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
JSON
  : >"$RUN/resolv.conf"
  cat >"$RUN/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$WORK/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /
failSwapOn: false
failCgroupV1: false
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
resolvConf: $RUN/resolv.conf
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
evictionHard: {memory.available: 100Mi, nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
podLogsDir: $RUN/podlogs
volumePluginDir: $RUN/volplugins
serializeImagePulls: false
YAML
}

await() {  # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || die "$what: not within the time; $RUN/*.log say why"
    sleep 0.2
  done
}
api_is_ready() { [ "$($IN curl -s --max-time 5 --cacert "$PKI/ca.crt" --cert "$PKI/admin.crt" --key "$PKI/admin.key" $API/readyz)" = ok ]; }
node_is_ready() { kubectl get nodes | grep -q ' Ready'; }

api_up() {
  background apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 --bind-address=0.0.0.0 \
    --advertise-address=$NODE --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
    --service-account-key-file="$PKI/sa.pub" --service-account-signing-key-file="$PKI/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --allow-privileged=true --kubelet-client-certificate="$PKI/kubelet-client.crt" \
    --kubelet-client-key="$PKI/kubelet-client.key" --kubelet-preferred-address-types=InternalIP --cert-dir="$RUN/ac"
  await 90 "the API server" api_is_ready
}

up() {
  [ ! -e "/run/netns/$NS" ] || die "a cluster is up: cluster.sh down"
  make_pki
  write_configuration
  ip netns add "$NS"
  $IN ip link set lo up
  $IN ip link add node0 type bridge
  $IN ip addr add $NODE/24 dev node0
  $IN ip link set node0 up
  $IN ip route add default dev node0
  $IN sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
  rm -rf "$RUN/etcd"
  background containerd containerd -c "$WORK/containerd.toml"
  background etcd "$BIN/etcd" --data-dir "$RUN/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
  api_up
  local image
  for image in "$IMAGES"/*.tar; do
    ctr -a "$WORK/containerd.sock" -n k8s.io image import "$image" >/dev/null || die "$image cannot be imported"
  done
  background kcm "$BIN/kube-controller-manager" --kubeconfig="$PKI/kcm.kubeconfig" --authentication-kubeconfig="$PKI/kcm.kubeconfig" \
    --authorization-kubeconfig="$PKI/kcm.kubeconfig" --service-account-private-key-file="$PKI/sa.key" --root-ca-file="$PKI/ca.crt" \
    --use-service-account-credentials --leader-elect=false --cluster-signing-cert-file="$PKI/ca.crt" \
    --cluster-signing-key-file="$PKI/ca.key" --bind-address=127.0.0.1 --cert-dir="$RUN/kc"
  background sched "$BIN/kube-scheduler" --kubeconfig="$PKI/sched.kubeconfig" --authentication-kubeconfig="$PKI/sched.kubeconfig" \
    --authorization-kubeconfig="$PKI/sched.kubeconfig" --leader-elect=false --bind-address=127.0.0.1 --cert-dir="$RUN/sc"
  background kubelet "$BIN/kubelet" --config="$RUN/kubelet.yaml" --kubeconfig="$PKI/kubelet.kubeconfig" --hostname-override=node1 \
    --node-ip=$NODE --root-dir="$RUN/kubelet" --cert-dir="$RUN/lc" --v=2
  background proxy "$BIN/kube-proxy" --kubeconfig="$PKI/proxy.kubeconfig" --hostname-override=node1 --proxy-mode=iptables \
    --cluster-cidr=10.244.0.0/16 --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
  await 90 "the node" node_is_ready
}

is_running() { [ -e "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

stop() {  # NAME: ours, by its id
  local pid
  [ -s "$RUN/$1.pid" ] || return 0
  pid=$(cat "$RUN/$1.pid")
  kill "$pid" 2>/dev/null
  local end=$((SECONDS + 10))
  while [ $SECONDS -lt $end ] && is_running "$pid"; do sleep 0.1; done
  ! is_running "$pid" || kill -KILL "$pid" 2>/dev/null  # It would keep its files locked.
  rm -f "$RUN/$1.pid"
}

down() {
  [ -e "/run/netns/$NS" ] || return 0
  if api_is_ready; then
    kubectl delete mutatingwebhookconfiguration --all >/dev/null 2>&1
    kubectl delete deploy,job,pod --all -A --grace-period=0 --force --timeout=30s >/dev/null 2>&1
    local end=$((SECONDS + 15))
    while [ $SECONDS -lt $end ] && [ -n "$(ctr -a "$WORK/containerd.sock" -n k8s.io task ls -q 2>/dev/null)" ]; do sleep 0.3; done
  fi
  local name id mount
  for name in proxy kubelet sched kcm apiserver etcd; do stop $name; done
  for id in $(ctr -a "$WORK/containerd.sock" -n k8s.io task ls -q 2>/dev/null); do
    ctr -a "$WORK/containerd.sock" -n k8s.io task kill -s SIGKILL "$id" 2>/dev/null
  done
  sleep 0.5
  stop containerd
  awk -v p="$WORK/" 'index($2,p)==1{print $2}' /proc/mounts | sort -r | while read -r mount; do umount "$mount" 2>/dev/null; done
  ip netns del "$NS"
  for id in $(find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/k8s.io*' \) 2>/dev/null); do rmdir "$id" 2>/dev/null; done
  return 0
}

case ${1:-} in
  build | up | down) "$1" ;;
  api-down) stop apiserver ;;
  api-up) api_up ;;
  kubectl) shift; kubectl "$@" ;;
  *) die "usage: $0 build|up|down|api-down|api-up|kubectl ARGUMENT..." ;;
esac
