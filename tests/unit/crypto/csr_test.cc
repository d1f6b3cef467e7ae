#include "crypto/csr.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/limits.h"
#include "crypto/secret.h"

namespace epaulet {
namespace {

/// A request for `key`, signed by `signer`, with a subject that wants much.
std::string request_of(evp_pkey_st* key, evp_pkey_st* signer) {
  X509_REQ* request = X509_REQ_new();
  X509_REQ_set_pubkey(request, key);
  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("root"), -1, -1, 0);
  X509_REQ_sign(request, signer, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(bio, request);
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  X509_REQ_free(request);
  return pem;
}

TEST(CsrTest, carries_the_key_and_proves_that_it_is_held) {
  for (const auto type : {KeyType::p256, KeyType::ed25519}) {
    const auto key = PrivateKey::generate(type);
    const auto read = key_of_csr(make_csr(key));
    ASSERT_TRUE(read.has_value()) << read.error().what;
    EXPECT_TRUE(read->matches(key.get()));
  }
}

TEST(CsrTest, a_key_that_the_sender_does_not_hold_is_refused) {
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto other = PrivateKey::generate(KeyType::p256);
  EXPECT_TRUE(key_of_csr(request_of(key.get(), key.get())).has_value());
  const auto stolen = key_of_csr(request_of(key.get(), other.get()));
  ASSERT_FALSE(stolen.has_value());
  EXPECT_NE(stolen.error().what.find("not signed with its own key"), std::string::npos);
}

TEST(CsrTest, a_weak_key_is_refused) {
  const Owned<evp_pkey_st> weak(EVP_RSA_gen(1024));
  const auto read = key_of_csr(request_of(weak.get(), weak.get()));
  ASSERT_FALSE(read.has_value());
  EXPECT_NE(read.error().what.find("1024"), std::string::npos);
}

TEST(CsrTest, what_is_no_request_is_refused_with_a_remedy) {
  auto cut = make_csr(PrivateKey::generate(KeyType::p256));
  cut.resize(cut.size() / 2);
  for (const std::string& text :
       {std::string(), std::string("nothing"), cut, PrivateKey::generate(KeyType::p256).to_pem(),
        std::string(
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
        std::string(limits::kPemBytesMax + 1, 'x')}) {
    const auto read = key_of_csr(text);
    ASSERT_FALSE(read.has_value());
    EXPECT_FALSE(read.error().remedy.empty());
  }
}

TEST(SecretTest, secrets_differ_and_compare) {
  const auto a = random_secret(32);
  EXPECT_EQ(a.size(), 64u);
  EXPECT_NE(a, random_secret(32));
  EXPECT_TRUE(equal_secrets(a, a));
  EXPECT_FALSE(equal_secrets(a, a.substr(1)));
  EXPECT_FALSE(equal_secrets(a, std::string(64, '0')));
}

}  // namespace
}  // namespace epaulet
