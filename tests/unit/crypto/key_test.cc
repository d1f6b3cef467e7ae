#include "crypto/key.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace epaulet {
namespace {

std::string pem_of_key(const Owned<evp_pkey_st>& key, const char* passphrase = nullptr) {
  const Owned<bio_st> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(
      bio.get(), key.get(), passphrase != nullptr ? EVP_aes_128_cbc() : nullptr, passphrase,
      passphrase != nullptr ? static_cast<int>(std::string_view(passphrase).size()) : 0, nullptr,
      nullptr);
  const char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

TEST(KeyTest, generated_keys_survive_a_round_through_pem) {
  for (const auto type : {KeyType::p256, KeyType::ed25519}) {
    const auto key = PrivateKey::generate(type);
    const auto again = PrivateKey::from_pem(key.to_pem(), "key.pem");
    ASSERT_TRUE(again.has_value()) << again.error().what;
    EXPECT_TRUE(key.public_key().matches(again->get()));
    EXPECT_EQ(key.public_key().digest(), again->public_key().digest());
  }
  EXPECT_EQ(PrivateKey::generate(KeyType::p256).public_key().kind(), "ECDSA P-256");
  EXPECT_EQ(PrivateKey::generate(KeyType::ed25519).public_key().kind(), "Ed25519");
}

TEST(KeyTest, two_keys_do_not_match) {
  const auto one = PrivateKey::generate(KeyType::p256);
  const auto other = PrivateKey::generate(KeyType::p256);
  EXPECT_FALSE(one.public_key().matches(other.get()));
  EXPECT_FALSE(one.public_key().matches(PrivateKey::generate(KeyType::ed25519).get()));
  EXPECT_FALSE(one.public_key().matches(nullptr));
}

TEST(KeyTest, a_public_key_holds_no_private_part) {
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto public_key = key.public_key();
  const Owned<bio_st> bio(BIO_new(BIO_s_mem()));
  EXPECT_NE(PEM_write_bio_PKCS8PrivateKey(bio.get(), public_key.get(), nullptr, nullptr, 0, nullptr,
                                          nullptr),
            1);
  (void)drain_openssl_errors();
}

TEST(KeyTest, rsa_is_taken_from_2048_bits_on) {
  const Owned<evp_pkey_st> strong(EVP_RSA_gen(2048));
  ASSERT_TRUE(PrivateKey::from_pem(pem_of_key(strong), "key.pem").has_value());
  EXPECT_EQ(PublicKey::from(strong.get())->kind(), "RSA 2048");
  const Owned<evp_pkey_st> weak(EVP_RSA_gen(1024));
  const auto refused = PrivateKey::from_pem(pem_of_key(weak), "key.pem");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().what, "key.pem: an RSA key of 1024 bits is too weak (at least 2048)");
  EXPECT_FALSE(PublicKey::from(weak.get()).has_value());
}

TEST(KeyTest, odd_curves_and_kinds_are_refused) {
  const Owned<evp_pkey_st> odd(EVP_EC_gen("secp256k1"));
  EXPECT_FALSE(PublicKey::from(odd.get()).has_value());
  EXPECT_FALSE(PrivateKey::from_pem(pem_of_key(odd), "key.pem").has_value());
  const Owned<evp_pkey_st> exchange_only(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  const auto refused = PublicKey::from(exchange_only.get());
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what.find("X25519"), std::string::npos);
  EXPECT_FALSE(PublicKey::from(nullptr).has_value());
}

TEST(KeyTest, an_encrypted_key_is_refused_without_asking_the_terminal) {
  const Owned<evp_pkey_st> key(EVP_EC_gen("P-256"));
  const auto refused = PrivateKey::from_pem(pem_of_key(key, "secret"), "key.pem");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what.find("it is encrypted"), std::string::npos);
  EXPECT_NE(refused.error().remedy.find("passphrase"), std::string::npos);
}

TEST(KeyTest, garbage_is_refused_and_leaves_no_error_behind) {
  for (const std::string& text : {std::string(), std::string("hello"),
                                  PrivateKey::generate(KeyType::p256).to_pem().substr(0, 100)}) {
    const auto refused = PrivateKey::from_pem(text, "key.pem");
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().what.find("key.pem"), std::string::npos);
    EXPECT_EQ(drain_openssl_errors(), "no details from OpenSSL");
  }
}

TEST(KeyTest, a_reason_never_quotes_the_key) {
  auto pem = PrivateKey::generate(KeyType::p256).to_pem();
  const auto secret = pem.substr(40, 40);
  pem.erase(pem.size() - 40);
  const auto refused = PrivateKey::from_pem(pem, "key.pem");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().to_string().find(secret), std::string::npos);
}

}  // namespace
}  // namespace epaulet
