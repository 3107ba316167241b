// Adds int8 tensors by the ESP32-S3's vector unit, 16 elements in 28
// instructions; the formula stands in addition.h.
//
// Bytes become 16-bit lanes by a zero below each, which is a * 256; that shifted
// right by 8 is a. Eight lanes of QACC, 40 bits each, take a * 256 * high + a *
// low and so on. Shifted so that 8 bits stay behind the point, a sum that does
// not fit int8 does not fit 16 bits either, so that the saturation of the shift
// is that of the answer, which is then the upper byte.

#include "sdkconfig.h"
#if CONFIG_IDF_TARGET_ESP32S3

// \bytes: 16 bytes. \high: lanes of the first eight * 256, and then those of the
// last eight are in \bytes.
.macro widen bytes, first
  ee.zero.q     \first
  ee.vzip.8     \first, \bytes
.endm

// \sums = the upper 16 bits of eight sums. q4: the lanes of a or b as they are.
.macro add_eight sums, a, b
  ee.zero.qacc
  ee.vmul.s16   q4, \a, q6
  ee.vsmulas.s16.qacc q5, q7, 4
  ee.vsmulas.s16.qacc \a, q7, 0
  ee.vsmulas.s16.qacc q4, q7, 1
  ee.vmul.s16   q4, \b, q6
  ee.vsmulas.s16.qacc q6, q7, 5
  ee.vsmulas.s16.qacc \b, q7, 2
  ee.vsmulas.s16.qacc q4, q7, 3
  ee.srcmb.s16.qacc \sums, a7, 0
.endm

  .text
  .align 4
  .global microfer_add_vectors
  .type microfer_add_vectors, @function
microfer_add_vectors:                   // a2 constants, a3 a, a4 b, a5 vectors, a6 output
  entry         a1, 32
  ee.vld.128.ip q7, a2, 16
  l32i.n        a7, a2, 0
  addi          a7, a7, -8
  movi          a8, 16384
  s32i.n        a8, a1, 0
  mov.n         a8, a1
  ee.vldbc.16   q5, a8
  movi.n        a8, 1
  s32i.n        a8, a1, 0
  mov.n         a8, a1
  ee.vldbc.16   q6, a8
  ssai          8
  loopgtz       a5, .Ladd_end
  ee.vld.128.ip q0, a3, 16
  ee.vld.128.ip q1, a4, 16
  widen         q0, q2
  widen         q1, q3
  add_eight     q2, q2, q3
  add_eight     q3, q0, q1
  ee.vunzip.8   q2, q3
  ee.vst.128.ip q3, a6, 16
.Ladd_end:
  retw.n
  .size microfer_add_vectors, . - microfer_add_vectors

#endif  // CONFIG_IDF_TARGET_ESP32S3
