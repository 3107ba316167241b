// The kernels of the ESP32-S3's vector unit. docs/kernels.md explains one of
// them line by line; its portable twin is MultiplyRowsPortable.
//
// All of them share one plan. For each channel: its constants and as many of its
// weights as fit go into registers, then every row of activations streams by.
// One instruction multiplies 16 bytes by 16, adds the products to ACCX (40 bits)
// and loads the vector after next.
//
// Registers while a channel is computed:
//   q0-q5  weights; where a row has more than 6 vectors, q5 streams those after the fifth
//   q6 q7  activations, even and odd vectors of a row
//   a2     weights, next to load       a9   activations, next to load
//   a3     first row                   a10  output
//   a4     constants, next channel's   a11  bias * 4
//   a5     output, next channel's      a12  multiplier
//   a6     rows - 1                    a13  addend
//   a7     output stride               a14  the sum on its way to an output
//   a8     channels left               a15  scratch
// The shift is in SAR.

#include "sdkconfig.h"
#if CONFIG_IDF_TARGET_ESP32S3

// Offsets in RowsJob.
.set JOB_ROWS, 0
.set JOB_WEIGHTS, 4
.set JOB_CHANNELS, 8
.set JOB_OUTPUT, 12
.set JOB_ROW_COUNT, 16
.set JOB_ROW_VECTORS, 20
.set JOB_CHANNEL_COUNT, 24
.set JOB_OUTPUT_STRIDE, 28
.set JOB_MINIMUM, 32
.set JOB_MAXIMUM, 36

// a14 = high half of 4 * (ACCX + bias) * multiplier, ACCX = 0.
.macro take_sum
  rur.accx_0    a14
  ee.zero.accx
  addx4         a14, a14, a11
  mulsh         a14, a14, a12
.endm

// Rounds, shifts, clamps and stores a14; a10 to the next row's output.
.macro put_relu
  add.n         a14, a14, a13
  sra           a14, a14
  clamps        a14, a14, 7
  s8i           a14, a10, 0
  add.n         a10, a10, a7
.endm

// The same with a maximum below 127.
.macro put_limit maximum
  add.n         a14, a14, a13
  sra           a14, a14
  clamps        a14, a14, 7
  min           a14, a14, \maximum
  s8i           a14, a10, 0
  add.n         a10, a10, a7
.endm

// The same for any range and sign: a sum below zero has its half rounded down.
.macro put_range minimum, maximum
  addi.n        a15, a14, 1
  srai          a15, a15, 31
  addx2         a14, a15, a14
  add.n         a14, a14, a13
  sra           a14, a14
  max           a14, a14, \minimum
  min           a14, a14, \maximum
  s8i           a14, a10, 0
  add.n         a10, a10, a7
.endm

// Multiplies weight vector \weight by activation vector \i of a row of \n and
// loads activation \i + 2. At the end of a row of odd length the next row begins
// in the wrong register, so its first two vectors are loaded in reverse order.
.macro step i, n, weight
  .if \n == 1
    ee.vmulas.s8.accx.ld.ip q6, a9, 16, q6, q\weight
  .elseif (\n & 1) && (\i == \n - 3)
    ee.vmulas.s8.accx.ld.ip q6, a9, 32, q6, q\weight
  .elseif (\n & 1) && (\i == \n - 2)
    ee.vmulas.s8.accx.ld.ip q7, a9, -16, q7, q\weight
  .elseif (\n & 1) && (\i == \n - 1)
    ee.vmulas.s8.accx.ld.ip q6, a9, 32, q6, q\weight
  .elseif \i & 1
    ee.vmulas.s8.accx.ld.ip q7, a9, 16, q7, q\weight
  .else
    ee.vmulas.s8.accx.ld.ip q6, a9, 16, q6, q\weight
  .endif
.endm

// The same with the streamed weights in q5, which takes two instructions: the
// multiplication loads the next weights, the second one activation \i + 2.
.macro stream i, n
  .if \i == \n - 2
    .set weights_step, -16 * (\n - 6)
  .else
    .set weights_step, 16
  .endif
  .if (\n & 1) && ((\i == \n - 3) || (\i == \n - 1))
    .set rows_step, 32
  .elseif (\n & 1) && (\i == \n - 2)
    .set rows_step, -16
  .else
    .set rows_step, 16
  .endif
  .if \i & 1
    ee.vmulas.s8.accx.ld.ip q5, a2, weights_step, q5, q7
    ee.vld.128.ip q7, a9, rows_step
  .else
    ee.vmulas.s8.accx.ld.ip q5, a2, weights_step, q5, q6
    ee.vld.128.ip q6, a9, rows_step
  .endif
.endm

// A whole row of \n vectors.
.macro row n
  .irp i, 0, 1, 2, 3, 4, 5
    .if (\i < \n) && ((\i < 5) || (\n == 6))
      step \i, \n, \i
    .endif
  .endr
  .if \n > 6
    .irp i, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
      .if \i < \n
        stream \i, \n
      .endif
    .endr
  .endif
.endm

.macro load_weights n
  ee.vld.128.ip q0, a2, 16
  .if \n > 1
    ee.vld.128.ip q1, a2, 16
  .endif
  .if \n > 2
    ee.vld.128.ip q2, a2, 16
  .endif
  .if \n > 3
    ee.vld.128.ip q3, a2, 16
  .endif
  .if \n > 4
    ee.vld.128.ip q4, a2, 16
  .endif
  .if \n > 5
    ee.vld.128.ip q5, a2, 16
  .endif
.endm

.macro load_job
  l32i.n        a3, a2, JOB_ROWS
  l32i.n        a4, a2, JOB_CHANNELS
  l32i.n        a5, a2, JOB_OUTPUT
  l32i.n        a6, a2, JOB_ROW_COUNT
  l32i.n        a7, a2, JOB_OUTPUT_STRIDE
  l32i.n        a8, a2, JOB_CHANNEL_COUNT
.endm

.macro load_constants
  l32i.n        a14, a4, 12
  l32i.n        a11, a4, 0
  l32i.n        a12, a4, 4
  l32i.n        a13, a4, 8
  ssr           a14
  addi          a4, a4, 16
.endm

// One output of kind relu or limit, or with any range.
.macro put kind, minimum, maximum
  .ifc \kind, relu
    put_relu
  .endif
  .ifc \kind, limit
    put_limit \maximum
  .endif
  .ifc \kind, range
    put_range \minimum, \maximum
  .endif
.endm

// A row of \n vectors, \n known, after a ReLU. Of kind limit the maximum is in a15.
.macro relu_kernel kind, n
  .text
  .align 4
  .global microfer_rows_\kind\()_\n
  .type microfer_rows_\kind\()_\n, @function
microfer_rows_\kind\()_\n:
  entry         a1, 32
  load_job
  l32i          a15, a2, JOB_MAXIMUM
  l32i.n        a2, a2, JOB_WEIGHTS
  addi.n        a6, a6, -1
  ee.zero.accx
.L\kind\()_channel_\n:
  load_constants
  load_weights  \n
  mov.n         a9, a3
  ee.vld.128.ip q6, a9, 16
  .if \n > 1
    ee.vld.128.ip q7, a9, 16
  .endif
  mov.n         a10, a5
  addi.n        a5, a5, 1
  row           \n
  addi.n        a8, a8, -1
  nop
  take_sum
  loopgtz       a6, .L\kind\()_rows_end_\n
  row           \n
  put           \kind, , a15
  take_sum
.L\kind\()_rows_end_\n:
  put           \kind, , a15
  .if \n > 6
    movi        a14, 16 * (\n - 6)
    add.n       a2, a2, a14
  .endif
  bnez          a8, .L\kind\()_channel_\n
  retw.n
  .size microfer_rows_\kind\()_\n, . - microfer_rows_\kind\()_\n
.endm

// A row of \n vectors, at most 6, with any range.
.macro range_kernel n
  .text
  .align 4
  .global microfer_rows_range_\n
  .type microfer_rows_range_\n, @function
microfer_rows_range_\n:
  entry         a1, 48
  load_job
  s32i.n        a8, a1, 0
  addi.n        a6, a6, -1
  s32i.n        a6, a1, 4
  l32i          a8, a2, JOB_MAXIMUM
  l32i          a6, a2, JOB_MINIMUM
  l32i.n        a2, a2, JOB_WEIGHTS
  ee.zero.accx
.Lrange_channel_\n:
  load_constants
  load_weights  \n
  mov.n         a9, a3
  ee.vld.128.ip q6, a9, 16
  .if \n > 1
    ee.vld.128.ip q7, a9, 16
  .endif
  mov.n         a10, a5
  addi.n        a5, a5, 1
  row           \n
  l32i.n        a15, a1, 4
  nop
  take_sum
  loopgtz       a15, .Lrange_rows_end_\n
  row           \n
  put_range     a6, a8
  take_sum
.Lrange_rows_end_\n:
  put_range     a6, a8
  l32i.n        a15, a1, 0
  addi.n        a15, a15, -1
  s32i.n        a15, a1, 0
  bnez          a15, .Lrange_channel_\n
  retw.n
  .size microfer_rows_range_\n, . - microfer_rows_range_\n
.endm

// A row of any length from 7 vectors on, \parity 0 where it is even. The pairs
// that the chip's loop repeats begin at an odd vector where the length is odd.
// Registers are short, so here
//   a3   the last row's output       a6      pairs
//   a4   bytes back to the weights that follow those in q0-q4
//   a5   maximum                     a8      minimum
// and what changes from channel to channel stays in the job, (a1).
.macro row_any parity, pairs_end
  ee.vmulas.s8.accx.ld.ip q6, a9, 16, q6, q0
  ee.vmulas.s8.accx.ld.ip q7, a9, 16, q7, q1
  ee.vmulas.s8.accx.ld.ip q6, a9, 16, q6, q2
  ee.vmulas.s8.accx.ld.ip q7, a9, 16, q7, q3
  ee.vmulas.s8.accx.ld.ip q6, a9, 16, q6, q4
  .if \parity == 0
    ee.vmulas.s8.accx.ld.ip q5, a2, 16, q5, q7
    ee.vld.128.ip q7, a9, 16
    loopgtz     a6, \pairs_end
    ee.vmulas.s8.accx.ld.ip q5, a2, 16, q5, q6
    ee.vld.128.ip q6, a9, 16
    ee.vmulas.s8.accx.ld.ip q5, a2, 16, q5, q7
    ee.vld.128.ip q7, a9, 16
\pairs_end:
    ee.vmulas.s8.accx.ld.xp q5, a2, a4, q5, q6
    ee.vld.128.ip q6, a9, 16
    ee.vmulas.s8.accx.ld.ip q5, a2, 16, q5, q7
    ee.vld.128.ip q7, a9, 16
  .else
    loopgtz     a6, \pairs_end
    ee.vmulas.s8.accx.ld.ip q5, a2, 16, q5, q7
    ee.vld.128.ip q7, a9, 16
    ee.vmulas.s8.accx.ld.ip q5, a2, 16, q5, q6
    ee.vld.128.ip q6, a9, 16
\pairs_end:
    ee.vmulas.s8.accx.ld.xp q5, a2, a4, q5, q7
    addi        a9, a9, 16
    ee.vld.128.ip q7, a9, -16
    ee.vmulas.s8.accx.ld.ip q5, a2, 16, q5, q6
    ee.vld.128.ip q6, a9, 32
  .endif
.endm

.macro any_kernel kind, parity
  .text
  .align 4
  .global microfer_rows_\kind\()_any\parity
  .type microfer_rows_\kind\()_any\parity, @function
microfer_rows_\kind\()_any\parity:
  entry         a1, 48
  s32i.n        a2, a1, 0
  l32i.n        a7, a2, JOB_OUTPUT_STRIDE
  l32i.n        a15, a2, JOB_ROW_COUNT
  addi.n        a15, a15, -1
  mull          a15, a15, a7
  s32i.n        a15, a1, 4              // from the first row's output to the last one's
  l32i.n        a15, a2, JOB_ROW_VECTORS
  addi          a6, a15, \parity - 8
  srai          a6, a6, 1
  addi          a4, a15, -6
  slli          a4, a4, 4
  neg           a4, a4
  l32i          a5, a2, JOB_MAXIMUM
  l32i          a8, a2, JOB_MINIMUM
  l32i.n        a2, a2, JOB_WEIGHTS
  ee.zero.accx
.L\kind\()_any\parity\()_channel:
  l32i.n        a15, a1, 0
  l32i.n        a3, a15, JOB_CHANNELS
  l32i.n        a10, a15, JOB_OUTPUT
  l32i.n        a9, a15, JOB_ROWS
  l32i.n        a14, a3, 12
  l32i.n        a11, a3, 0
  l32i.n        a12, a3, 4
  l32i.n        a13, a3, 8
  ssr           a14
  addi          a3, a3, 16
  s32i.n        a3, a15, JOB_CHANNELS
  addi.n        a14, a10, 1
  s32i.n        a14, a15, JOB_OUTPUT
  l32i.n        a3, a1, 4
  add.n         a3, a10, a3
  load_weights  6
  ee.vld.128.ip q6, a9, 16
  ee.vld.128.ip q7, a9, 16
  row_any       \parity, .L\kind\()_any\parity\()_first_pairs
  l32i.n        a15, a1, 0
  nop
  take_sum
  beq           a10, a3, .L\kind\()_any\parity\()_rows_end
.L\kind\()_any\parity\()_rows:
  row_any       \parity, .L\kind\()_any\parity\()_pairs
  put           \kind, a8, a5
  take_sum
  bne           a10, a3, .L\kind\()_any\parity\()_rows
.L\kind\()_any\parity\()_rows_end:
  put           \kind, a8, a5
  sub           a2, a2, a4
  l32i.n        a15, a1, 0
  l32i.n        a14, a15, JOB_CHANNEL_COUNT
  addi.n        a14, a14, -1
  s32i.n        a14, a15, JOB_CHANNEL_COUNT
  bnez          a14, .L\kind\()_any\parity\()_channel
  retw.n
  .size microfer_rows_\kind\()_any\parity, . - microfer_rows_\kind\()_any\parity
.endm

.irp n, 1, 2, 3, 4, 5, 6, 8, 9, 16, 18, 24, 27, 32
  relu_kernel relu, \n
  relu_kernel limit, \n
.endr
.irp n, 1, 2, 3, 4, 5, 6
  range_kernel \n
.endr
.irp kind, relu, limit, range
  any_kernel \kind, 0
  any_kernel \kind, 1
.endr

#endif  // CONFIG_IDF_TARGET_ESP32S3
