#include <fmt/format.h>

#include <algorithm>

#include "k8s/doctor/certificates.h"
#include "k8s/doctor/checks.h"

/// Our own programs, and how the API server comes to them.
namespace epaulet::kube {
namespace {

constexpr std::string_view kInject = "epaulet.io/inject";

const json::object* named(const json::array& items, std::string_view name) {
  for (const auto& each : items) {
    const auto* object = each.if_object();
    if (object != nullptr && text_at(*object, {"metadata", "name"}) == name) return object;
  }
  return nullptr;
}

std::size_t ready_endpoints(const Facts& facts, const Question& question,
                            std::string_view service) {
  std::size_t ready = 0;
  for (const auto& each : facts.items(paths::endpoint_slices(question))) {
    const auto* slice = each.if_object();
    if (slice == nullptr ||
        text_at(*slice, {"metadata", "labels", "kubernetes.io/service-name"}) != service)
      continue;
    const auto* endpoints = array_in(*slice, "endpoints");
    if (endpoints == nullptr) continue;
    for (const auto& one : *endpoints) {
      const auto* conditions =
          one.is_object() ? object_in(one.get_object(), "conditions") : nullptr;
      if (conditions != nullptr && is_true_in(*conditions, "ready")) ++ready;
    }
  }
  return ready;
}

void check_program(const Facts& facts, const Question& question, const std::string& name,
                   DoctorReport& report) {
  const auto* deployment = named(facts.items(paths::deployments(question)), name);
  if (deployment == nullptr) {
    return report.fail(name,
                       fmt::format("there is no Deployment {}/{}", question.system_namespace, name),
                       "helm install epaulet, or say in which namespace it is: --namespace");
  }
  const auto* spec = object_in(*deployment, "spec");
  const auto* status = object_in(*deployment, "status");
  const auto wanted = spec == nullptr ? 1 : number_in(*spec, "replicas").value_or(1);
  const auto available =
      status == nullptr ? 0 : number_in(*status, "availableReplicas").value_or(0);
  const auto look =
      fmt::format("kubectl -n {} describe deployment {}; kubectl -n {} logs deployment/{}",
                  question.system_namespace, name, question.system_namespace, name);
  const auto* service = named(facts.items(paths::services(question)), name);
  if (available == 0) {
    report.fail(name, fmt::format("none of {} replicas is available", wanted), look);
  } else if (service == nullptr) {
    report.fail(name, "its Service is missing", "helm upgrade puts it back");
  } else if (ready_endpoints(facts, question, name) == 0) {
    report.fail(name, "its Service leads to no ready pod",
                "compare the Service's selector with the pods' labels; helm upgrade puts it back");
  } else if (available < wanted) {
    report.warn(name, fmt::format("{} of {} replicas are available", available, wanted), look);
  } else {
    report.ok(name, fmt::format("{} replicas are available", available));
  }
}

/// What one webhook of the configuration lacks.
class WebhookCheck {
 public:
  WebhookCheck(const Facts& facts, const Question& question, const json::object& webhook,
               DoctorReport& report)
      : facts_(facts),
        question_(question),
        webhook_(webhook),
        name_(printable(text_in(webhook, "name"), 80)),
        report_(report) {}

  void run() {
    check_way();
    check_policy();
    check_selector();
    check_rules();
  }

 private:
  void check_way() {
    const auto* service = find_object(webhook_, {"clientConfig", "service"});
    if (service == nullptr) return;  // By URL: whoever wrote that knows.
    const auto space = text_in(*service, "namespace");
    const auto name = text_in(*service, "name");
    if (space != question_.system_namespace) {
      return report_.fail(
          "webhook",
          fmt::format("{} leads to {}/{}, another namespace than {}", name_, printable(space, 80),
                      printable(name, 80), question_.system_namespace),
          "say in which namespace epaulet is, --namespace, or helm upgrade");
    }
    if (named(facts_.items(paths::services(question_)), name) == nullptr) {
      report_.fail(
          "webhook",
          fmt::format("{} leads to the Service {}, which is missing", name_, printable(name, 80)),
          "helm upgrade puts it back; until then no pod of the mesh is created");
    }
  }

  void check_policy() {
    if (text_in(webhook_, "failurePolicy") == "Ignore") {
      report_.warn(
          "webhook",
          fmt::format("{} is ignored when it fails: pods then start outside the mesh", name_),
          "injector.failurePolicy=Fail");
    }
  }

  /// It must never stand in the way of what the cluster itself starts.
  void check_selector() {
    const auto* selector = object_in(webhook_, "namespaceSelector");
    for (const std::string_view space :
         {std::string_view("kube-system"), std::string_view(question_.system_namespace)}) {
      const json::object labels{{"kubernetes.io/metadata.name", space}, {kInject, "enabled"}};
      if (selector != nullptr && !selects(*selector, &labels)) continue;
      report_.fail("webhook",
                   fmt::format("{} selects the namespace {} too: while the injector is away, pods "
                               "that it depends on cannot start",
                               name_, space),
                   "helm upgrade puts the namespaceSelector back");
    }
  }

  void check_rules() {
    const auto* rules = array_in(webhook_, "rules");
    const auto holds = [](const json::object& rule, std::string_view key, std::string_view text) {
      const auto* list = array_in(rule, key);
      return list != nullptr && std::any_of(list->begin(), list->end(), [&](const auto& each) {
               return each.is_string() && (each.get_string() == text || each.get_string() == "*");
             });
    };
    const bool are_fine =
        rules != nullptr && std::any_of(rules->begin(), rules->end(), [&](const auto& each) {
          return each.is_object() && holds(each.get_object(), "resources", "pods") &&
                 holds(each.get_object(), "operations", "CREATE");
        });
    if (!are_fine)
      report_.fail("webhook", name_ + " is not asked when pods are created", "helm upgrade");
  }

  const Facts& facts_;
  const Question& question_;
  const json::object& webhook_;
  const std::string name_;
  DoctorReport& report_;
};

/// Whether a labelled namespace is selected by any webhook.
void check_selected(const Facts& facts, const Question& question, const json::array& webhooks,
                    DoctorReport& report) {
  for (const auto& each : facts.items(paths::kNamespaces)) {
    const auto* space = each.if_object();
    if (space == nullptr) continue;
    const auto* labels = find_object(*space, {"metadata", "labels"});
    if (!inject_label(labels).value_or(false)) continue;
    const auto name = text_at(*space, {"metadata", "name"});
    if (is_never_meshed(name, question)) continue;  // Another line says so.
    const bool is_selected = std::any_of(webhooks.begin(), webhooks.end(), [&](const auto& one) {
      const auto* selector =
          one.is_object() ? object_in(one.get_object(), "namespaceSelector") : nullptr;
      const auto* pods = one.is_object() ? object_in(one.get_object(), "objectSelector") : nullptr;
      const json::object no_labels;
      return (selector == nullptr || selects(*selector, labels)) &&
             (pods == nullptr || selects(*pods, &no_labels));
    });
    if (is_selected) continue;
    report.fail("webhook",
                fmt::format("the namespace {} is labelled, but no webhook selects its pods",
                            printable(name, 80)),
                "helm upgrade puts namespaceSelector and objectSelector back");
  }
}

}  // namespace

bool selects(const json::object& selector, const json::object* labels) {
  const auto value_of = [&](std::string_view key) -> std::optional<std::string_view> {
    if (labels == nullptr || !labels->contains(key)) return std::nullopt;
    return text_in(*labels, key);
  };
  if (const auto* wanted = object_in(selector, "matchLabels")) {
    for (const auto& [key, value] : *wanted) {
      if (!value.is_string() || value_of(key) != std::string_view(value.get_string())) return false;
    }
  }
  const auto* expressions = array_in(selector, "matchExpressions");
  if (expressions == nullptr) return true;
  return std::all_of(expressions->begin(), expressions->end(), [&](const auto& each) {
    const auto* one = each.if_object();
    if (one == nullptr) return true;
    const auto value = value_of(text_in(*one, "key"));
    const auto operation = text_in(*one, "operator");
    const auto* values = array_in(*one, "values");
    const bool is_among =
        value && values != nullptr &&
        std::any_of(values->begin(), values->end(), [&](const auto& listed) {
          return listed.is_string() && std::string_view(listed.get_string()) == *value;
        });
    if (operation == "In") return is_among;
    if (operation == "NotIn") return !is_among;
    return operation == "Exists" ? value.has_value() : !value.has_value();
  });
}

std::optional<std::string> injector_argument(const Facts& facts, const Question& question,
                                             std::string_view name) {
  const auto* deployment = named(facts.items(paths::deployments(question)), "epaulet-injector");
  const auto* pod =
      deployment == nullptr ? nullptr : find_object(*deployment, {"spec", "template", "spec"});
  const auto* containers = pod == nullptr ? nullptr : array_in(*pod, "containers");
  if (containers == nullptr || containers->empty() || !containers->front().is_object())
    return std::nullopt;
  const auto* arguments = array_in(containers->front().get_object(), "args");
  if (arguments == nullptr) return std::nullopt;
  const std::string option = fmt::format("--{}", name);
  for (const auto& each : *arguments) {
    if (!each.is_string()) continue;
    const std::string_view text = each.get_string();
    if (text == option) return "";
    if (text.starts_with(option + "=")) return std::string(text.substr(option.size() + 1));
  }
  return std::nullopt;
}

void check_programs(const Facts& facts, const Question& question, DoctorReport& report) {
  const auto& fact = facts.at(paths::deployments(question));
  if (!fact.is_there()) {
    return report.fail("install", "our Deployments cannot be listed: " + printable(fact.why),
                       fmt::format("ask as somebody who may, in {}", question.system_namespace));
  }
  check_program(facts, question, "epaulet-identity", report);
  check_program(facts, question, "epaulet-injector", report);
  check_rights(facts, question, "epaulet-identity", "no sidecar gets a first certificate", report);
  const bool uses_directory = injector_argument(facts, question, "directory").has_value();
  if (!uses_directory) return;
  check_program(facts, question, "epaulet-directory", report);
  check_rights(facts, question, "epaulet-directory", "sidecars hear of no endpoints", report);
}

void check_webhook(const Facts& facts, const Question& question, DoctorReport& report) {
  const auto& fact = facts.at(paths::kWebhooks);
  if (!fact.is_there()) {
    return report.warn("webhook", "webhooks cannot be listed: " + printable(fact.why),
                       "ask again as somebody who may");
  }
  const auto* config = named(facts.items(paths::kWebhooks), "epaulet-injector");
  const auto* webhooks = config == nullptr ? nullptr : array_in(*config, "webhooks");
  if (webhooks == nullptr || webhooks->empty()) {
    return report.fail("webhook",
                       "there is no MutatingWebhookConfiguration epaulet-injector: new pods start "
                       "outside the mesh",
                       "helm upgrade puts it back; then restart what started meanwhile");
  }
  const auto failures = report.count(Level::failure);
  std::string bundle;
  for (const auto& each : *webhooks) {
    if (!each.is_object()) continue;
    const auto& webhook = each.get_object();
    WebhookCheck(facts, question, webhook, report).run();
    const auto own = text_at(webhook, {"clientConfig", "caBundle"});
    if (!bundle.empty() && own == bundle) continue;
    bundle = own;
    const auto host = fmt::format("epaulet-injector.{}.svc", question.system_namespace);
    check_serving_certificate(facts, question, bundle, host, report);
  }
  check_selected(facts, question, *webhooks, report);
  if (report.count(Level::failure) == failures)
    report.ok("webhook", "the API server asks the injector about pods of labelled namespaces");
}

}  // namespace epaulet::kube
