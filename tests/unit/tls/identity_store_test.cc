#include "tls/identity_store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "crypto/pem_file.h"
#include "tests/unit/tls/mesh_fixture.h"

namespace epaulet {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class IdentityStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "epaulet-identity-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    store_.emplace(folder_.string(), std::string(kDomain));
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
  void write(const char* name, const std::string& text) const {
    const auto written = write_pem_files({{path(name), text, 0600}}, {.overwrite = true});
    ASSERT_TRUE(written.has_value()) << written.error().what;
  }
  void write(const IdentityText& text) const {
    write("key.pem", text.key);
    write("cert.pem", text.certificates);
    write("ca.pem", text.bundle);
  }

  fs::path folder_;
  std::optional<IdentityStore> store_;
  CertificateAuthority ca_ = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
};

TEST_F(IdentityStoreTest, a_whole_set_is_taken_and_kept) {
  write(issue_text(ca_, kApi));
  const auto loaded = store_->load(kNow);
  ASSERT_TRUE(loaded.has_value()) << all_of(loaded.error());
  EXPECT_EQ(store_->current(), *loaded);
  EXPECT_EQ(store_->current()->id().text(), kApi);
  EXPECT_TRUE(store_->refusal().empty());
}

TEST_F(IdentityStoreTest, an_empty_folder_names_all_three_files) {
  const auto loaded = store_->load(kNow);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().size(), 3u);
  for (const char* name : {"cert.pem", "key.pem", "ca.pem"}) {
    EXPECT_NE(all_of(loaded.error()).find(path(name) + " does not exist"), std::string::npos);
  }
  EXPECT_EQ(store_->current(), nullptr);
}

TEST_F(IdentityStoreTest, a_half_written_renewal_leaves_the_old_set_in_force) {
  write(issue_text(ca_, kApi));
  ASSERT_TRUE(store_->load(kNow).has_value());
  const auto old = store_->current();
  const auto renewed = issue_text(ca_, kApi, kNow + 1h);

  write("key.pem", renewed.key);
  EXPECT_FALSE(store_->load(kNow + 1h).has_value());
  EXPECT_EQ(store_->current(), old);
  EXPECT_NE(all_of(store_->refusal()).find("is not the key of"), std::string::npos);

  write("cert.pem", renewed.certificates.substr(0, renewed.certificates.size() / 2));
  EXPECT_FALSE(store_->load(kNow + 1h).has_value());
  EXPECT_EQ(store_->current(), old);

  write("cert.pem", renewed.certificates);
  EXPECT_TRUE(store_->load(kNow + 1h).has_value());
  EXPECT_NE(store_->current(), old);
  EXPECT_TRUE(store_->refusal().empty());
  EXPECT_EQ(old->not_after(), kNow + 24h) << "whoever still holds the old one may use it";
}

TEST_F(IdentityStoreTest, an_expired_or_foreign_set_does_not_replace_a_good_one) {
  write(issue_text(ca_, kApi));
  ASSERT_TRUE(store_->load(kNow).has_value());
  const auto old = store_->current();
  write(issue_text(ca_, kApi, kNow - 48h));
  EXPECT_FALSE(store_->load(kNow).has_value());
  write(issue_text(CertificateAuthority::create("other.example", KeyType::p256, kNow),
                   "spiffe://other.example/ns/default/sa/api"));
  EXPECT_FALSE(store_->load(kNow).has_value());
  EXPECT_NE(all_of(store_->refusal()).find("outside the trust domain cluster.local"),
            std::string::npos);
  EXPECT_EQ(store_->current(), old);
}

TEST_F(IdentityStoreTest, the_fingerprint_changes_with_each_of_the_files_and_only_then) {
  const auto empty = store_->fingerprint_of_files();
  EXPECT_EQ(store_->fingerprint_of_files(), empty);
  const auto text = issue_text(ca_, kApi);
  write(text);
  auto last = store_->fingerprint_of_files();
  EXPECT_NE(last, empty);
  EXPECT_EQ(store_->fingerprint_of_files(), last);
  for (const char* name : {"cert.pem", "key.pem", "ca.pem"}) {
    write(name, "other");
    EXPECT_NE(store_->fingerprint_of_files(), last) << name;
    last = store_->fingerprint_of_files();
  }
  fs::remove(path("ca.pem"));
  EXPECT_NE(store_->fingerprint_of_files(), last);
}

TEST_F(IdentityStoreTest, a_swapped_link_is_a_change_as_mounted_secrets_make_it) {
  // Kubernetes: ..data points to a dated folder; the three names point through it.
  const auto fill = [&](const char* folder, const IdentityText& text) {
    fs::create_directory(folder_ / folder);
    write((std::string(folder) + "/cert.pem").c_str(), text.certificates);
    write((std::string(folder) + "/key.pem").c_str(), text.key);
    write((std::string(folder) + "/ca.pem").c_str(), text.bundle);
  };
  fill("one", issue_text(ca_, kApi));
  fill("two", issue_text(ca_, kApi, kNow + 1h));
  fs::create_directory_symlink("one", folder_ / "..data");
  for (const char* name : {"cert.pem", "key.pem", "ca.pem"}) {
    fs::create_symlink(fs::path("..data") / name, folder_ / name);
  }
  ASSERT_TRUE(store_->load(kNow).has_value());
  const auto before = store_->fingerprint_of_files();
  fs::create_directory_symlink("two", folder_ / "..new");
  fs::rename(folder_ / "..new", folder_ / "..data");
  EXPECT_NE(store_->fingerprint_of_files(), before);
  ASSERT_TRUE(store_->load(kNow + 1h).has_value());
  EXPECT_EQ(store_->current()->not_after(), kNow + 25h);
}

}  // namespace
}  // namespace epaulet
