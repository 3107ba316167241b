#include "base/sentence.h"

#include <cstring>

#include "check.h"

namespace microfer {
namespace {

TEST(ASentenceIsPutTogetherPieceByPiece) {
  Sentence<40> sentence;
  sentence << "from " << std::uint32_t{0} << " to " << std::uint32_t{4'294'967'295U} << ", or ";
  sentence.Hexadecimal(0xFE);
  EXPECT(std::strcmp(sentence.text(), "from 0 to 4294967295, or 0xFE") == 0);
}

TEST(ASentenceThatIsTooLongIsCut) {
  Sentence<6> sentence;
  sentence << "abc" << std::uint32_t{12345} << "d";
  EXPECT(std::strcmp(sentence.text(), "abc12") == 0);
}

TEST(AnEmptySentenceIsATextToo) { EXPECT(Sentence<8>().text()[0] == '\0'); }

}  // namespace
}  // namespace microfer
