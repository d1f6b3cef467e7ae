#pragma once

#include <filesystem>
#include <string>

#include "crypto/reason.h"

/// What stands on a node: the launcher and its files in the folder of plugins, and our entry in the
/// list of plugins. Every step replaces a file as a whole, so a container runtime that reads at any
/// moment finds what was there before, or what is there after.
namespace epaulet::cni {

struct NodePlaces {
  std::filesystem::path image = "/";                ///< Whose files are copied: our own.
  std::filesystem::path plugins = "/host/cni/bin";  ///< Of the node.
  std::filesystem::path lists = "/host/cni/net.d";  ///< Of the node.
};

/// Copies the launcher and the files that the plugin needs, anew, and forgets older ones. A plugin
/// that runs meanwhile from the older ones may fail; its pod is tried again.
[[nodiscard]] Checked<void> put_files(const NodePlaces& places);

/// Takes away the files. The launcher stays: a runtime that remembers its plugins calls it once
/// more for each pod that ends, and it answers DEL without them.
void take_files(const NodePlaces& places);

/// Whether the entry had to be written (into the file `named`). A reason: where it cannot stand.
[[nodiscard]] Checked<bool> put_entry(const NodePlaces& places, std::string& named);

/// From every list. A reason: one could not be written; the others are done.
[[nodiscard]] Checked<void> take_entry(const NodePlaces& places);

/// A list that still names the plugin, or cannot be read; "" if there is none.
[[nodiscard]] std::string list_that_may_name_us(const NodePlaces& places);

/// Whether pods that start now get rules. A reason: what is missing.
[[nodiscard]] Checked<void> look_at_node(const NodePlaces& places);

}  // namespace epaulet::cni
