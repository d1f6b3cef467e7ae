#pragma once

#include "k8s/api/json_access.h"

namespace epaulet::injector {

namespace json = boost::json;
using kube::array_at;
using kube::array_in;
using kube::is_true_in;
using kube::number_in;
using kube::object_at;
using kube::object_in;
using kube::text_in;

}  // namespace epaulet::injector
