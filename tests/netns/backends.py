"""What `epaulet redirect` programs, seen and changed by the system's own tools."""

import re


def without_counts(text: str) -> str:
    return re.sub(r"packets \d+ bytes \d+", "", text)


class Nft:
    name = "nft"

    def _nft(self, pod, *arguments: str) -> str:
        return pod.run(["nft", *arguments]).stdout

    def listing(self, pod) -> str:
        """Every rule there is, without its counter."""
        return without_counts(self._nft(pod, "list ruleset"))

    def has_ours(self, pod) -> bool:
        return "table inet epaulet" in self.listing(pod)

    def dropped(self, pod) -> int:
        """Datagrams that the rules have counted as dropped."""
        rules = self._nft(pod, "list table inet epaulet")
        return int(re.search(r"packets (\d+) bytes \d+ drop comment \"inbound-udp\"", rules)[1])

    def names(self, pod) -> list[str]:
        """One for each named rule, in order."""
        return [name for name, _, _ in self._named(pod)]

    def delete(self, pod, number: int) -> None:
        """The rule of that place in `names`."""
        _, chain, handle = self._named(pod)[number]
        self._nft(pod, "delete", "rule", "inet", "epaulet", chain, "handle", handle)

    def _named(self, pod) -> list[tuple[str, str, str]]:
        """The name, chain and handle of every rule that has a name."""
        found, chain = [], ""
        for line in self._nft(pod, "-a", "list table inet epaulet").splitlines():
            if started := re.match(r"\s*chain (\w+)", line):
                chain = started[1]
            if named := re.search(r'comment "([^"]+)" # handle (\d+)', line):
                found.append((named[1], chain, named[2]))
        return found

    def keep(self, pod) -> None:
        """Remembers every rule for `put_back`."""
        pod.run(["sh", "-c", "(echo flush ruleset; nft -s list ruleset) >/run/kept"])

    def put_back(self, pod) -> None:
        self._nft(pod, "-f", "/run/kept")

    def add_resolver(self, pod) -> None:
        """What Docker does for its own resolver."""
        self._nft(pod, "add table ip docker")
        self._nft(pod, "add chain ip docker out { type nat hook output priority -100 ; }")
        rule = "ip daddr 127.0.0.53 udp dport 53 dnat to 127.0.0.53:5353"
        self._nft(pod, f"add rule ip docker out {rule}")

    def add_foreign(self, pod) -> None:
        """Rules in the hooks that we use too."""
        self._nft(pod, "add table inet other")
        self._nft(pod, "add chain inet other out { type nat hook output priority -100 ; }")
        self._nft(pod, "add rule inet other out tcp dport 4444 redirect to :5555")
        for family in ("ip", "ip6"):  # as iptables-nft would make them
            self._nft(pod, f"add table {family} nat")
            chain = f"{family} nat OUTPUT"
            self._nft(pod, f"add chain {chain} {{ type nat hook output priority -100 ; }}")
            self._nft(pod, f"add rule {chain} tcp dport 3333 counter return")

    def add_foreign_before_ours(self, pod) -> None:
        """Leads all TCP but DNS to port 5555."""
        self._nft(pod, "add table inet first")
        self._nft(pod, "add chain inet first out { type nat hook output priority -150 ; }")
        rule = "meta l4proto tcp tcp dport != 53 redirect to :5555"
        self._nft(pod, f"add rule inet first out {rule}")


class Iptables:
    """`flavour`: nft or legacy."""

    def __init__(self, flavour: str):
        self.name = f"iptables-{flavour}"
        self._programs = [f"{family}-{flavour}" for family in ("iptables", "ip6tables")]

    def _saved(self, pod, program: str) -> list[str]:
        """[packets:bytes] -A CHAIN ... for each rule, tables and chains between them."""
        lines = pod.run([program + "-save", "-c"]).stdout.splitlines()
        return [line for line in lines if not line.startswith("#")]

    def listing(self, pod) -> str:
        """Every rule of both families, without its counter."""
        both = [line for program in self._programs for line in self._saved(pod, program)]
        return re.sub(r"\[\d+:\d+\]", "", "\n".join(both))

    def has_ours(self, pod) -> bool:
        return "EPAULET" in self.listing(pod)

    def dropped(self, pod) -> int:
        """Datagrams that the rules have counted as dropped."""
        both = [line for program in self._programs for line in self._saved(pod, program)]
        rules = [line for line in both if "--comment inbound-udp " in line]
        assert len(rules) == 8, rules  # four transports in each family
        return sum(int(re.match(r"\[(\d+):", line)[1]) for line in rules)

    def names(self, pod) -> list[str]:
        """One for all rules of a name in a chain and in both families, in order."""
        found = []
        for program in self._programs:
            found += [key for key, _ in self._named(pod, program)]
        return [name for _, name in dict.fromkeys(found)]

    def delete(self, pod, number: int) -> None:
        """The rules of that place in `names`."""
        keys = []
        for program in self._programs:
            keys += [key for key, _ in self._named(pod, program)]
        gone = list(dict.fromkeys(keys))[number]
        for program in self._programs:
            for key, rule in self._named(pod, program):
                if key == gone:
                    table = "filter" if key[0] in ("GUARD", "UNREACHABLE") else "nat"
                    pod.run([program, "-t", table, "-D", *rule.split()])

    def _named(self, pod, program: str) -> list[tuple[tuple[str, str], str]]:
        """((chain, name), rule) of every rule that has a name."""
        found = []
        for line in self._saved(pod, program):
            if named := re.search(r"-A (EPAULET_(\w+) .*--comment ([\w-]+) .*)", line):
                found.append(((named[2], named[3]), named[1]))
        return found

    def keep(self, pod) -> None:
        """Remembers every rule for `put_back`."""
        for program in self._programs:
            pod.run(["sh", "-c", f"{program}-save >/run/kept-{program}"])

    def put_back(self, pod) -> None:
        for program in self._programs:
            pod.run([program + "-restore", f"/run/kept-{program}"])

    def _add(self, pod, programs: list[str], rule: str) -> None:
        for program in programs:
            pod.run([program, *rule.split()])

    def add_resolver(self, pod) -> None:
        """What Docker does for its own resolver."""
        match = "-d 127.0.0.53 -p udp --dport 53"
        target = "-j DNAT --to-destination 127.0.0.53:5353"
        self._add(pod, self._programs[:1], f"-t nat -A OUTPUT {match} {target}")

    def add_foreign(self, pod) -> None:
        """Rules in the hooks that we use too."""
        for rule in (
            "-t nat -N OTHERS",
            "-t nat -A OTHERS -p tcp --dport 4444 -j REDIRECT --to-ports 5555",
            "-t nat -A OUTPUT -j OTHERS",
            "-t nat -A PREROUTING -p tcp --dport 3333 -j RETURN",
            "-t filter -A INPUT -m comment --comment EPAULET_GUARD -j ACCEPT",
            "-t filter -A OUTPUT -p tcp --dport 3333 -j ACCEPT",
        ):
            self._add(pod, self._programs, rule)

    def add_foreign_before_ours(self, pod) -> None:
        """Leads all TCP but DNS to port 5555."""
        self._add(
            pod,
            self._programs,
            "-t nat -I OUTPUT 1 -p tcp ! --dport 53 -j REDIRECT --to-ports 5555",
        )


NFT = Nft()
IPTABLES_NFT = Iptables("nft")
IPTABLES_LEGACY = Iptables("legacy")
BACKENDS = (NFT, IPTABLES_NFT, IPTABLES_LEGACY)
