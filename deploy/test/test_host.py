"""What deploy/ has for one machine: the daemon, and the service with what stands beside it."""

import re
import unittest
from typing import Any

from support import DEPLOY, ROOT, check_schema, program, read_json, read_yaml, run, why_not

UNIT = DEPLOY / "systemd/menagerie.service"
# The worst that the unit may be, as systemd counts it from 0 to 10.
EXPOSURE_MAX = 2.0


class Daemon(unittest.TestCase):
    @unittest.skipIf(program("SYSTEMD_ANALYZE") is None, why_not("SYSTEMD_ANALYZE"))
    def test_systemd_reads_the_unit_without_a_complaint(self) -> None:
        self.assertEqual(run(program("SYSTEMD_ANALYZE") or "", "verify", "--man=no", str(UNIT)).strip(), "")

    @unittest.skipIf(program("SYSTEMD_ANALYZE") is None, why_not("SYSTEMD_ANALYZE"))
    def test_it_is_confined(self) -> None:
        report = run(program("SYSTEMD_ANALYZE") or "", "security", "--offline=true", "--no-pager", str(UNIT))
        [exposure] = re.findall(r"Overall exposure level for menagerie\.service: ([\d.]+)", report)
        self.assertLessEqual(float(exposure), EXPOSURE_MAX)

    @unittest.skipIf(program("SYSTEMD_ANALYZE") is None, why_not("SYSTEMD_ANALYZE"))
    def test_it_may_make_every_call_that_the_service_and_its_cell_make(self) -> None:
        groups = run(program("SYSTEMD_ANALYZE") or "", "syscall-filter", "--no-pager")
        members = {
            name: set(re.findall(r"^ +([@\w-]+)$", body, re.MULTILINE))
            for name, body in re.findall(r"^(@[\w-]+)\n(.*?)(?=^@|\Z)", groups, re.MULTILINE | re.DOTALL)
        }
        allowed: set[str] = set()
        waiting = [
            name
            for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.MULTILINE)
            for name in line.split()
        ]
        while waiting:
            name = waiting.pop()
            allowed.add(name)
            waiting.extend(members.get(name, ()))
        # systemd answers calls that it does not know as the kernel does.
        made = {
            name
            for rule in read_json(DEPLOY / "seccomp/menagerie.json")["syscalls"]
            if rule["action"] == "SCMP_ACT_ALLOW"
            for name in rule["names"]
        }
        self.assertEqual(made - allowed, set())


class Compose(unittest.TestCase):
    compose: Any

    @classmethod
    def setUpClass(cls) -> None:
        cls.compose = read_yaml(DEPLOY / "compose.yaml")

    @unittest.skipIf(program("COMPOSE_SPEC") is None, why_not("COMPOSE_SPEC"))
    def test_it_is_what_the_specification_of_compose_says(self) -> None:
        check_schema(read_json(DEPLOY / (program("COMPOSE_SPEC") or "")), self.compose)

    def test_what_it_mounts_is_there(self) -> None:
        volumes = self.compose["volumes"]
        sources = [mount.split(":")[0] for service in self.compose["services"].values() for mount in service["volumes"]]
        for source in sources:
            if source.startswith("."):
                self.assertTrue((DEPLOY / source).exists(), source)
            else:
                self.assertIn(source, volumes)
        self.assertTrue((DEPLOY / self.compose["services"]["menagerie"]["build"] / "Dockerfile").exists())

    def test_its_settings_are_the_services(self) -> None:
        known = (ROOT / "docs/configuration.md").read_text()
        for name in self.compose["services"]["menagerie"]["environment"].keys() - {"TZ"}:
            self.assertIn(f"`{name}`", known)

    @unittest.skipIf(program("PROMTOOL") is None, why_not("PROMTOOL"))
    def test_prometheus_reads_its_configuration(self) -> None:
        run(program("PROMTOOL") or "", "check", "config", str(DEPLOY / "prometheus/prometheus.yml"))

    def test_grafana_is_given_the_dashboard_and_the_source_that_it_asks_for(self) -> None:
        [provider] = read_yaml(DEPLOY / "grafana/provisioning/dashboards/menagerie.yaml")["providers"]
        mounts = self.compose["services"]["grafana"]["volumes"]
        self.assertIn(f"./grafana/menagerie.json:{provider['options']['path']}/menagerie.json:ro", mounts)
        [source] = read_yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")["datasources"]
        dashboard = read_json(DEPLOY / "grafana/menagerie.json")
        [variable] = [one for one in dashboard["templating"]["list"] if one["type"] == "datasource"]
        self.assertEqual(variable["query"], source["type"])
        self.assertIn(f"{source['url'].split('//')[1].split(':')[0]}", self.compose["services"])
        [job] = read_yaml(DEPLOY / "prometheus/prometheus.yml")["scrape_configs"]
        [target] = job["static_configs"][0]["targets"]
        self.assertIn(target.split(":")[0], self.compose["services"])


if __name__ == "__main__":
    unittest.main()
