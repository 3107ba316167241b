// Answers cases: `probe < cases > answers` (u32 bytes, answer, for each), and
// `probe --golden FILE` compares the answers with those in the file.
#include <cstdio>
#include <cstring>
#include <vector>

#include "cases.h"

namespace {

using microfer::Span;

std::vector<std::uint8_t> ReadAll(std::FILE* file) {
  std::vector<std::uint8_t> content;
  std::vector<std::uint8_t> block(1U << 16);
  while (const std::size_t bytes = std::fread(block.data(), 1, block.size(), file)) {
    content.insert(content.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(bytes));
  }
  return content;
}

int CheckGoldenFile(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) {
    std::fprintf(stderr, "cannot read %s\n", path);
    return 2;
  }
  const auto content = ReadAll(file);
  std::fclose(file);
  const auto result = microfer::testing::CheckGolden({content.data(), content.size()});
  std::printf("%d golden cases, %d wrong%s\n", result.cases, result.wrong, result.whole ? "" : ", file damaged");
  return result.whole && result.wrong == 0 ? 0 : 1;
}

int AnswerCases() {
  const auto content = ReadAll(stdin);
  Span<const std::uint8_t> rest(content.data(), content.size());
  std::vector<std::uint8_t> answer(microfer::testing::kMaxAnswerBytes);
  microfer::testing::Case next{};
  while (TakeCase(rest, next)) {
    // A copy of its own, so that the address sanitizer sees a read behind its end.
    const std::vector<std::uint8_t> question(next.question.begin(), next.question.end());
    const auto bytes = static_cast<std::uint32_t>(
        Answer(next.kind, {question.data(), question.size()}, {answer.data(), answer.size()}));
    std::fwrite(&bytes, sizeof bytes, 1, stdout);
    std::fwrite(answer.data(), 1, bytes, stdout);
  }
  return rest.empty() ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 3 && std::strcmp(arguments[1], "--golden") == 0) {
    return CheckGoldenFile(arguments[2]);
  }
  return AnswerCases();
}
