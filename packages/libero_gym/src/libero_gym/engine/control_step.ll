; libero_gym's control step in LLVM's language, for no processor in particular. Do not edit: scripts/control_step.py
; makes it of stepper.py, osc.py and gripper.py. numba 0.68.1, llvmlite 0.50.0.

define void @control_step(i64 %0) {
  %2 = inttoptr i64 %0 to ptr
  %3 = load i64, ptr %2, align 8
  %4 = getelementptr i8, ptr %2, i64 8
  %5 = load i64, ptr %4, align 8
  %6 = getelementptr i8, ptr %2, i64 16
  %7 = load i64, ptr %6, align 8
  %8 = getelementptr i8, ptr %2, i64 32
  %9 = load i64, ptr %8, align 8
  %10 = inttoptr i64 %9 to ptr
  %11 = getelementptr i8, ptr %2, i64 40
  %12 = load i64, ptr %11, align 8
  %13 = getelementptr i8, ptr %2, i64 48
  %14 = load i64, ptr %13, align 8
  %15 = inttoptr i64 %12 to ptr
  %16 = getelementptr i8, ptr %2, i64 56
  %17 = load i64, ptr %16, align 8
  %18 = getelementptr i8, ptr %2, i64 64
  %19 = load i64, ptr %18, align 8
  %20 = inttoptr i64 %17 to ptr
  %21 = getelementptr i8, ptr %2, i64 72
  %22 = load i64, ptr %21, align 8
  %23 = getelementptr i8, ptr %2, i64 80
  %24 = load i64, ptr %23, align 8
  %25 = inttoptr i64 %22 to ptr
  %26 = getelementptr i8, ptr %2, i64 120
  %27 = load i64, ptr %26, align 8
  %28 = getelementptr i8, ptr %2, i64 128
  %29 = load i64, ptr %28, align 8
  %30 = inttoptr i64 %27 to ptr
  %31 = getelementptr i8, ptr %2, i64 136
  %32 = load i64, ptr %31, align 8
  %33 = getelementptr i8, ptr %2, i64 144
  %34 = load i64, ptr %33, align 8
  %35 = inttoptr i64 %32 to ptr
  %36 = getelementptr i8, ptr %2, i64 152
  %37 = load i64, ptr %36, align 8
  %38 = inttoptr i64 %37 to ptr
  %39 = getelementptr i8, ptr %2, i64 168
  %40 = load i64, ptr %39, align 8
  %41 = inttoptr i64 %40 to ptr
  %42 = getelementptr i8, ptr %2, i64 184
  %43 = load i64, ptr %42, align 8
  %44 = getelementptr i8, ptr %2, i64 192
  %45 = load i64, ptr %44, align 8
  %46 = inttoptr i64 %43 to ptr
  %47 = getelementptr i8, ptr %2, i64 200
  %48 = load i64, ptr %47, align 8
  %49 = inttoptr i64 %48 to ptr
  %50 = getelementptr i8, ptr %2, i64 208
  %51 = load i64, ptr %50, align 8
  %52 = inttoptr i64 %51 to ptr
  %53 = getelementptr i8, ptr %2, i64 216
  %54 = load i64, ptr %53, align 8
  %55 = inttoptr i64 %54 to ptr
  %56 = getelementptr i8, ptr %2, i64 224
  %57 = load i64, ptr %56, align 8
  %58 = inttoptr i64 %57 to ptr
  %59 = getelementptr i8, ptr %2, i64 240
  %60 = load i64, ptr %59, align 8
  %61 = inttoptr i64 %60 to ptr
  %62 = getelementptr i8, ptr %2, i64 248
  %63 = load i64, ptr %62, align 8
  %64 = inttoptr i64 %63 to ptr
  %65 = getelementptr i8, ptr %2, i64 256
  %66 = load i64, ptr %65, align 8
  %67 = inttoptr i64 %66 to ptr
  %68 = getelementptr i8, ptr %2, i64 264
  %69 = load i64, ptr %68, align 8
  %70 = inttoptr i64 %69 to ptr
  %71 = getelementptr i8, ptr %2, i64 272
  %72 = load i64, ptr %71, align 8
  %73 = inttoptr i64 %72 to ptr
  %74 = getelementptr i8, ptr %2, i64 280
  %75 = load i64, ptr %74, align 8
  %76 = inttoptr i64 %75 to ptr
  %77 = getelementptr i8, ptr %2, i64 288
  %78 = load i64, ptr %77, align 8
  %79 = inttoptr i64 %78 to ptr
  %80 = getelementptr i8, ptr %2, i64 296
  %81 = load i64, ptr %80, align 8
  %82 = inttoptr i64 %81 to ptr
  %83 = getelementptr i8, ptr %2, i64 304
  %84 = load i64, ptr %83, align 8
  %85 = getelementptr i8, ptr %2, i64 312
  %86 = load i64, ptr %85, align 8
  %87 = getelementptr i8, ptr %2, i64 320
  %88 = load i64, ptr %87, align 8
  %89 = inttoptr i64 %86 to ptr
  %90 = getelementptr i8, ptr %2, i64 328
  %91 = load i64, ptr %90, align 8
  %92 = inttoptr i64 %91 to ptr
  %93 = getelementptr i8, ptr %2, i64 344
  %94 = load i64, ptr %93, align 8
  %95 = inttoptr i64 %94 to ptr
  %96 = getelementptr i8, ptr %2, i64 360
  %97 = load i64, ptr %96, align 8
  %98 = inttoptr i64 %97 to ptr
  %99 = getelementptr i8, ptr %2, i64 376
  %100 = load i64, ptr %99, align 8
  %101 = getelementptr i8, ptr %2, i64 384
  %102 = load i64, ptr %101, align 8
  %103 = inttoptr i64 %100 to ptr
  %104 = getelementptr i8, ptr %2, i64 392
  %105 = load i64, ptr %104, align 8
  %106 = inttoptr i64 %105 to ptr
  %107 = getelementptr i8, ptr %2, i64 400
  %108 = load i64, ptr %107, align 8
  %109 = inttoptr i64 %108 to ptr
  %110 = getelementptr i8, ptr %2, i64 408
  %111 = load i64, ptr %110, align 8
  %112 = inttoptr i64 %111 to ptr
  %113 = getelementptr i8, ptr %2, i64 416
  %114 = load i64, ptr %113, align 8
  %115 = inttoptr i64 %114 to ptr
  %116 = getelementptr i8, ptr %2, i64 424
  %117 = load i64, ptr %116, align 8
  %118 = inttoptr i64 %117 to ptr
  %119 = getelementptr i8, ptr %109, i64 56
  %120 = getelementptr i8, ptr %109, i64 112
  %121 = getelementptr i8, ptr %109, i64 168
  %122 = mul nsw i64 %102, 24
  %123 = add nsw i64 %122, %100
  %124 = icmp slt i64 %7, 1
  br i1 %124, label %1039, label %125
125:
  %126 = getelementptr i8, ptr %2, i64 232
  %127 = load i64, ptr %126, align 8
  %128 = getelementptr i8, ptr %2, i64 104
  %129 = load i64, ptr %128, align 8
  %130 = inttoptr i64 %129 to ptr
  %131 = getelementptr i8, ptr %2, i64 112
  %132 = load i64, ptr %131, align 8
  %133 = getelementptr i8, ptr %2, i64 88
  %134 = load i64, ptr %133, align 8
  %135 = inttoptr i64 %134 to ptr
  %136 = getelementptr i8, ptr %2, i64 96
  %137 = load i64, ptr %136, align 8
  %138 = getelementptr i8, ptr %2, i64 24
  %139 = load double, ptr %138, align 8
  %140 = icmp slt i64 %127, 0
  %141 = select i1 %140, i64 %132, i64 0
  %142 = add i64 %141, %127
  %143 = mul i64 %142, 72
  %144 = getelementptr i8, ptr %130, i64 %143
  %145 = select i1 %140, i64 %137, i64 0
  %146 = add i64 %145, %127
  %147 = mul i64 %146, 24
  %148 = getelementptr i8, ptr %135, i64 %147
  %149 = getelementptr i8, ptr %10, i64 24
  %150 = getelementptr i8, ptr %10, i64 32
  %151 = getelementptr i8, ptr %10, i64 40
  %152 = trunc i64 %127 to i32
  %153 = getelementptr i8, ptr %118, i64 1568
  %154 = getelementptr i8, ptr %118, i64 392
  %155 = getelementptr i8, ptr %118, i64 784
  %156 = getelementptr i8, ptr %118, i64 1176
  %157 = getelementptr i8, ptr %118, i64 1736
  %158 = getelementptr i8, ptr %118, i64 1680
  %159 = getelementptr i8, ptr %118, i64 1624
  %160 = getelementptr i8, ptr %10, i64 48
  %161 = fmul double %139, 1.000000e-02
  %162 = getelementptr i8, ptr %70, i64 8
  %163 = icmp slt i64 %88, 1
  %164 = icmp slt i64 %14, 1
  %165 = icmp slt i64 %19, 1
  br label %166
166:
  %167 = phi i64 [ 0, %125 ], [ %175, %892 ]
  call void @mj_step1(i64 %3, i64 %5)
  br label %894
169:
  %170 = getelementptr double, ptr %73, i64 %895
  %171 = load double, ptr %170, align 8
  store double %171, ptr %903, align 8
  br label %172
172:
  %173 = icmp eq i64 %896, 12
  br i1 %173, label %174, label %894
174:
  %175 = add nuw nsw i64 %167, 1
  %176 = icmp eq i64 %167, 0
  br i1 %176, label %273, label %325
177:
  %178 = load double, ptr %149, align 8
  %179 = fcmp olt double %178, -1.000000e+00
  %180 = select i1 %179, double -1.000000e+00, double %178
  %181 = fcmp ogt double %180, 1.000000e+00
  %182 = select i1 %181, double 1.000000e+00, double %180
  %183 = fmul double %182, 5.000000e-01
  %184 = load double, ptr %150, align 8
  %185 = fcmp olt double %184, -1.000000e+00
  %186 = select i1 %185, double -1.000000e+00, double %184
  %187 = fcmp ogt double %186, 1.000000e+00
  %188 = select i1 %187, double 1.000000e+00, double %186
  %189 = fmul double %188, 5.000000e-01
  %190 = load double, ptr %151, align 8
  %191 = fcmp olt double %190, -1.000000e+00
  %192 = select i1 %191, double -1.000000e+00, double %190
  %193 = fcmp ogt double %192, 1.000000e+00
  %194 = select i1 %193, double 1.000000e+00, double %192
  %195 = fmul double %194, 5.000000e-01
  %196 = fmul double %183, %183
  %197 = fmul double %189, %189
  %198 = fadd double %196, %197
  %199 = fmul double %195, %195
  %200 = fadd double %198, %199
  %201 = fcmp oeq double %200, 0.000000e+00
  br i1 %201, label %325, label %202
202:
  %203 = tail call double @llvm.sqrt.f64(double %200)
  %204 = fmul double %203, 5.000000e-01
  %205 = tail call double @llvm.sin.f64(double %204)
  %206 = tail call double @llvm.cos.f64(double %204)
  %207 = fptrunc double %206 to float
  %208 = fdiv double %183, %203
  %209 = fmul double %208, %205
  %210 = fptrunc double %209 to float
  %211 = fdiv double %189, %203
  %212 = fmul double %211, %205
  %213 = fptrunc double %212 to float
  %214 = fdiv double %195, %203
  %215 = fmul double %214, %205
  %216 = fptrunc double %215 to float
  %217 = fmul float %207, %207
  %218 = fpext float %217 to double
  %219 = fmul float %210, %210
  %220 = fpext float %219 to double
  %221 = fadd double %218, %220
  %222 = fmul float %213, %213
  %223 = fpext float %222 to double
  %224 = fadd double %221, %223
  %225 = fmul float %216, %216
  %226 = fpext float %225 to double
  %227 = fadd double %224, %226
  %228 = fptrunc double %227 to float
  %229 = fpext float %228 to double
  %230 = fdiv double 2.000000e+00, %229
  %231 = tail call double @llvm.sqrt.f64(double %230)
  %232 = fpext float %207 to double
  %233 = fmul double %231, %232
  %234 = fptrunc double %233 to float
  %235 = fpext float %210 to double
  %236 = fmul double %231, %235
  %237 = fptrunc double %236 to float
  %238 = fpext float %213 to double
  %239 = fmul double %231, %238
  %240 = fptrunc double %239 to float
  %241 = fpext float %216 to double
  %242 = fmul double %231, %241
  %243 = fptrunc double %242 to float
  %244 = fmul float %237, %237
  %245 = fpext float %244 to double
  %246 = fmul float %240, %240
  %247 = fpext float %246 to double
  %248 = fmul float %243, %243
  %249 = fpext float %248 to double
  %250 = fsub double 1.000000e+00, %247
  %251 = fsub double %250, %249
  %252 = fmul float %237, %240
  %253 = fmul float %243, %234
  %254 = fsub float %252, %253
  %255 = fpext float %254 to double
  %256 = fmul float %237, %243
  %257 = fmul float %240, %234
  %258 = fadd float %256, %257
  %259 = fpext float %258 to double
  %260 = fadd float %252, %253
  %261 = fpext float %260 to double
  %262 = fsub double 1.000000e+00, %245
  %263 = fsub double %262, %249
  %264 = fmul float %240, %243
  %265 = fmul float %237, %234
  %266 = fsub float %264, %265
  %267 = fpext float %266 to double
  %268 = fsub float %256, %257
  %269 = fpext float %268 to double
  %270 = fadd float %264, %265
  %271 = fpext float %270 to double
  %272 = fsub double %262, %247
  br label %288
273:
  %274 = phi i64 [ %275, %273 ], [ 0, %174 ]
  %275 = add nuw nsw i64 %274, 1
  %276 = getelementptr double, ptr %106, i64 %274
  %277 = load double, ptr %276, align 8
  %278 = getelementptr double, ptr %10, i64 %274
  %279 = load double, ptr %278, align 8
  %280 = fcmp olt double %279, -1.000000e+00
  %281 = select i1 %280, double -1.000000e+00, double %279
  %282 = fcmp ogt double %281, 1.000000e+00
  %283 = select i1 %282, double 1.000000e+00, double %281
  %284 = fmul double %283, 5.000000e-02
  %285 = fadd double %277, %284
  %286 = getelementptr double, ptr %64, i64 %274
  store double %285, ptr %286, align 8
  %287 = icmp eq i64 %275, 3
  br i1 %287, label %177, label %273
288:
  %289 = phi i64 [ 0, %202 ], [ %290, %288 ]
  %290 = add nuw nsw i64 %289, 1
  %291 = add nuw nsw i64 %289, 3
  %292 = getelementptr double, ptr %106, i64 %291
  %293 = load double, ptr %292, align 8
  %294 = fmul double %251, %293
  %295 = add nuw nsw i64 %289, 6
  %296 = getelementptr double, ptr %106, i64 %295
  %297 = load double, ptr %296, align 8
  %298 = fmul double %297, %255
  %299 = fadd double %294, %298
  %300 = getelementptr double, ptr %106, i64 %289
  %301 = getelementptr i8, ptr %300, i64 72
  %302 = load double, ptr %301, align 8
  %303 = fmul double %302, %259
  %304 = fadd double %299, %303
  %305 = getelementptr double, ptr %67, i64 %289
  store double %304, ptr %305, align 8
  %306 = load double, ptr %292, align 8
  %307 = fmul double %306, %261
  %308 = load double, ptr %296, align 8
  %309 = fmul double %263, %308
  %310 = fadd double %307, %309
  %311 = load double, ptr %301, align 8
  %312 = fmul double %311, %267
  %313 = fadd double %310, %312
  %314 = getelementptr double, ptr %67, i64 %291
  store double %313, ptr %314, align 8
  %315 = load double, ptr %292, align 8
  %316 = fmul double %315, %269
  %317 = load double, ptr %296, align 8
  %318 = fmul double %317, %271
  %319 = fadd double %316, %318
  %320 = load double, ptr %301, align 8
  %321 = fmul double %272, %320
  %322 = fadd double %319, %321
  %323 = getelementptr double, ptr %67, i64 %295
  store double %322, ptr %323, align 8
  %324 = icmp eq i64 %290, 3
  br i1 %324, label %325, label %288
325:
  call void @mj_jacSite(i64 %3, i64 %5, i64 %100, i64 %123, i32 %152)
  br label %906
327:
  %328 = add nuw nsw i64 %907, 1
  %329 = icmp sgt i64 %909, -1
  br i1 %329, label %330, label %363
330:
  %331 = getelementptr i32, ptr %38, i64 %909
  %332 = load i32, ptr %331, align 4
  %333 = sext i32 %332 to i64
  %334 = getelementptr double, ptr %115, i64 %907
  %335 = mul nuw nsw i64 %907, 56
  %336 = getelementptr i8, ptr %115, i64 %335
  br label %337
337:
  %338 = phi i64 [ %355, %354 ], [ %907, %330 ]
  %339 = phi i64 [ %359, %354 ], [ %909, %330 ]
  %340 = phi i64 [ %360, %354 ], [ %333, %330 ]
  %341 = getelementptr i64, ptr %52, i64 %338
  %342 = load i64, ptr %341, align 8
  %343 = icmp eq i64 %339, %342
  br i1 %343, label %344, label %354
344:
  %345 = icmp slt i64 %340, 0
  %346 = select i1 %345, i64 %29, i64 0
  %347 = getelementptr double, ptr %30, i64 %340
  %348 = getelementptr double, ptr %347, i64 %346
  %349 = load double, ptr %348, align 8
  %350 = getelementptr double, ptr %336, i64 %338
  store double %349, ptr %350, align 8
  %351 = mul i64 %338, 56
  %352 = getelementptr i8, ptr %334, i64 %351
  store double %349, ptr %352, align 8
  %353 = add nsw i64 %338, -1
  br label %354
354:
  %355 = phi i64 [ %353, %344 ], [ %338, %337 ]
  %356 = getelementptr i32, ptr %41, i64 %339
  %357 = load i32, ptr %356, align 4
  %358 = icmp sgt i32 %357, -1
  %359 = zext i32 %357 to i64
  %360 = add nsw i64 %340, 1
  %361 = icmp sgt i64 %355, -1
  %362 = select i1 %358, i1 %361, i1 false
  br i1 %362, label %337, label %363
363:
  %364 = icmp eq i64 %328, 7
  br i1 %364, label %365, label %906
365:
  %366 = load i64, ptr %82, align 8
  %367 = icmp eq i64 %366, 0
  br i1 %367, label %376, label %947
368:
  %369 = add nuw nsw i64 %948, 1
  %370 = icmp eq i64 %369, 7
  br i1 %370, label %375, label %947
371:
  %372 = mul nuw nsw i64 %948, 56
  %373 = getelementptr i8, ptr %79, i64 %372
  %374 = getelementptr i8, ptr %115, i64 %372
  br label %963
375:
  store i64 0, ptr %82, align 8
  br label %376
376:
  br label %674
377:
  %378 = mul nuw nsw i64 %675, 56
  %379 = getelementptr i8, ptr %112, i64 %378
  %380 = getelementptr i8, ptr %379, i64 168
  br label %706
381:
  %382 = getelementptr double, ptr %64, i64 %675
  %383 = load double, ptr %382, align 8
  %384 = getelementptr double, ptr %106, i64 %675
  %385 = load double, ptr %384, align 8
  %386 = fsub double %383, %385
  %387 = fmul double %386, 1.500000e+02
  %388 = fmul double %716, 0x40387EB1990B697A
  %389 = fsub double %387, %388
  %390 = getelementptr double, ptr %153, i64 %675
  store double %389, ptr %390, align 8
  %391 = fmul double %704, 7.500000e+01
  %392 = fmul double %720, 0x40387EB1990B697A
  %393 = fsub double %391, %392
  %394 = getelementptr i8, ptr %390, i64 24
  store double %393, ptr %394, align 8
  br i1 %677, label %722, label %674
395:
  %396 = add nuw nsw i64 %723, 1
  %397 = icmp eq i64 %396, 7
  br i1 %397, label %414, label %722
398:
  %399 = add nuw nsw i64 %415, 1
  %400 = getelementptr double, ptr %417, i64 %415
  %401 = fcmp olt double %406, 1.000000e-30
  %402 = select i1 %401, double 1.000000e-30, double %406
  %403 = tail call double @llvm.sqrt.f64(double %402)
  store double %403, ptr %400, align 8
  %404 = icmp eq i64 %399, 7
  br i1 %404, label %734, label %414
405:
  %406 = phi double [ %422, %418 ], [ %436, %427 ]
  %407 = icmp eq i64 %415, %419
  br i1 %407, label %398, label %408
408:
  %409 = mul nuw nsw i64 %419, 56
  %410 = getelementptr i8, ptr %118, i64 %409
  %411 = getelementptr double, ptr %410, i64 %419
  %412 = load double, ptr %411, align 8
  %413 = fdiv double %406, %412
  store double %413, ptr %421, align 8
  br label %418
414:
  %415 = phi i64 [ %399, %398 ], [ 0, %395 ]
  %416 = mul nuw nsw i64 %415, 56
  %417 = getelementptr i8, ptr %118, i64 %416
  br label %418
418:
  %419 = phi i64 [ 0, %414 ], [ %420, %408 ]
  %420 = add nuw nsw i64 %419, 1
  %421 = getelementptr double, ptr %417, i64 %419
  %422 = load double, ptr %421, align 8
  %423 = icmp eq i64 %419, 0
  br i1 %423, label %405, label %424
424:
  %425 = mul nuw nsw i64 %419, 56
  %426 = getelementptr i8, ptr %118, i64 %425
  br label %427
427:
  %428 = phi double [ %422, %424 ], [ %436, %427 ]
  %429 = phi i64 [ 0, %424 ], [ %430, %427 ]
  %430 = add nuw nsw i64 %429, 1
  %431 = getelementptr double, ptr %417, i64 %429
  %432 = load double, ptr %431, align 8
  %433 = getelementptr double, ptr %426, i64 %429
  %434 = load double, ptr %433, align 8
  %435 = fmul double %432, %434
  %436 = fsub double %428, %435
  %437 = icmp eq i64 %430, %419
  br i1 %437, label %405, label %427
438:
  %439 = add nuw nsw i64 %735, 1
  %440 = icmp eq i64 %439, 6
  br i1 %440, label %760, label %734
441:
  %442 = phi i64 [ 0, %739 ], [ %746, %748 ]
  %443 = phi double [ %743, %739 ], [ %758, %748 ]
  %444 = getelementptr double, ptr %118, i64 %442
  %445 = getelementptr double, ptr %444, i64 %740
  %446 = load double, ptr %445, align 8
  %447 = fdiv double %443, %446
  %448 = getelementptr double, ptr %738, i64 %442
  store double %447, ptr %448, align 8
  %449 = icmp eq i64 %741, 7
  br i1 %449, label %438, label %739
450:
  %451 = add nuw nsw i64 %761, 1
  %452 = icmp eq i64 %451, 6
  br i1 %452, label %780, label %760
453:
  %454 = add nuw nsw i64 %766, 1
  %455 = getelementptr double, ptr %764, i64 %766
  store double %778, ptr %455, align 8
  %456 = mul nuw nsw i64 %766, 56
  %457 = getelementptr i8, ptr %762, i64 %456
  store double %778, ptr %457, align 8
  %458 = icmp eq i64 %766, %761
  br i1 %458, label %450, label %765
459:
  br i1 %781, label %780, label %805
460:
  %461 = add nuw nsw i64 %785, 1
  %462 = getelementptr double, ptr %153, i64 %786
  %463 = load double, ptr %462, align 8
  %464 = getelementptr double, ptr %157, i64 %785
  store double %463, ptr %464, align 8
  %465 = icmp eq i64 %461, 3
  br i1 %465, label %482, label %784
466:
  %467 = add nuw nsw i64 %483, 1
  %468 = getelementptr double, ptr %485, i64 %483
  %469 = fcmp olt double %474, 1.000000e-30
  %470 = select i1 %469, double 1.000000e-30, double %474
  %471 = tail call double @llvm.sqrt.f64(double %470)
  store double %471, ptr %468, align 8
  %472 = icmp eq i64 %467, 3
  br i1 %472, label %524, label %482
473:
  %474 = phi double [ %490, %486 ], [ %504, %495 ]
  %475 = icmp eq i64 %483, %487
  br i1 %475, label %466, label %476
476:
  %477 = mul nuw nsw i64 %487, 56
  %478 = getelementptr i8, ptr %156, i64 %477
  %479 = getelementptr double, ptr %478, i64 %487
  %480 = load double, ptr %479, align 8
  %481 = fdiv double %474, %480
  store double %481, ptr %489, align 8
  br label %486
482:
  %483 = phi i64 [ %467, %466 ], [ 0, %460 ]
  %484 = mul nuw nsw i64 %483, 56
  %485 = getelementptr i8, ptr %156, i64 %484
  br label %486
486:
  %487 = phi i64 [ 0, %482 ], [ %488, %476 ]
  %488 = add nuw nsw i64 %487, 1
  %489 = getelementptr double, ptr %485, i64 %487
  %490 = load double, ptr %489, align 8
  %491 = icmp eq i64 %487, 0
  br i1 %491, label %473, label %492
492:
  %493 = mul nuw nsw i64 %487, 56
  %494 = getelementptr i8, ptr %156, i64 %493
  br label %495
495:
  %496 = phi double [ %490, %492 ], [ %504, %495 ]
  %497 = phi i64 [ 0, %492 ], [ %498, %495 ]
  %498 = add nuw nsw i64 %497, 1
  %499 = getelementptr double, ptr %485, i64 %497
  %500 = load double, ptr %499, align 8
  %501 = getelementptr double, ptr %494, i64 %497
  %502 = load double, ptr %501, align 8
  %503 = fmul double %500, %502
  %504 = fsub double %496, %503
  %505 = icmp eq i64 %498, %487
  br i1 %505, label %473, label %495
506:
  %507 = phi i64 [ 0, %524 ], [ %531, %533 ]
  %508 = phi double [ %528, %524 ], [ %542, %533 ]
  %509 = getelementptr double, ptr %156, i64 %507
  %510 = getelementptr double, ptr %509, i64 %525
  %511 = load double, ptr %510, align 8
  %512 = fdiv double %508, %511
  store double %512, ptr %527, align 8
  %513 = icmp eq i64 %526, 3
  br i1 %513, label %544, label %524
514:
  %515 = phi double [ %550, %544 ], [ %564, %554 ]
  %516 = mul nuw nsw i64 %546, 56
  %517 = getelementptr i8, ptr %156, i64 %516
  %518 = getelementptr double, ptr %517, i64 %546
  %519 = load double, ptr %518, align 8
  %520 = fdiv double %515, %519
  store double %520, ptr %549, align 8
  %521 = icmp ugt i64 %545, 1
  br i1 %521, label %544, label %522
522:
  %523 = getelementptr double, ptr %153, i64 %782
  br label %798
524:
  %525 = phi i64 [ %526, %506 ], [ 0, %466 ]
  %526 = add nuw nsw i64 %525, 1
  %527 = getelementptr double, ptr %157, i64 %525
  %528 = load double, ptr %527, align 8
  %529 = icmp eq i64 %525, 0
  br i1 %529, label %506, label %530
530:
  %531 = mul nuw nsw i64 %525, 7
  %532 = getelementptr double, ptr %156, i64 %531
  br label %533
533:
  %534 = phi double [ %528, %530 ], [ %542, %533 ]
  %535 = phi i64 [ 0, %530 ], [ %536, %533 ]
  %536 = add nuw nsw i64 %535, 1
  %537 = getelementptr double, ptr %532, i64 %535
  %538 = load double, ptr %537, align 8
  %539 = getelementptr double, ptr %157, i64 %535
  %540 = load double, ptr %539, align 8
  %541 = fmul double %538, %540
  %542 = fsub double %534, %541
  %543 = icmp eq i64 %536, %525
  br i1 %543, label %506, label %533
544:
  %545 = phi i64 [ %547, %514 ], [ 3, %506 ]
  %546 = phi i64 [ %548, %514 ], [ 2, %506 ]
  %547 = add nsw i64 %545, -1
  %548 = add nsw i64 %546, -1
  %549 = getelementptr double, ptr %157, i64 %546
  %550 = load double, ptr %549, align 8
  %551 = icmp eq i64 %546, 2
  br i1 %551, label %514, label %552
552:
  %553 = getelementptr double, ptr %156, i64 %546
  br label %554
554:
  %555 = phi double [ %550, %552 ], [ %564, %554 ]
  %556 = phi i64 [ %546, %552 ], [ %557, %554 ]
  %557 = add nuw nsw i64 %556, 1
  %558 = mul i64 %557, 56
  %559 = getelementptr i8, ptr %553, i64 %558
  %560 = load double, ptr %559, align 8
  %561 = getelementptr double, ptr %157, i64 %557
  %562 = load double, ptr %561, align 8
  %563 = fmul double %560, %562
  %564 = fsub double %555, %563
  %565 = icmp eq i64 %557, 2
  br i1 %565, label %514, label %554
566:
  %567 = add nuw nsw i64 %821, 1
  %568 = icmp eq i64 %567, 6
  br i1 %568, label %585, label %820
569:
  %570 = add nuw nsw i64 %586, 1
  %571 = getelementptr double, ptr %588, i64 %586
  %572 = fcmp olt double %577, 1.000000e-30
  %573 = select i1 %572, double 1.000000e-30, double %577
  %574 = tail call double @llvm.sqrt.f64(double %573)
  store double %574, ptr %571, align 8
  %575 = icmp eq i64 %570, 6
  br i1 %575, label %625, label %585
576:
  %577 = phi double [ %593, %589 ], [ %607, %598 ]
  %578 = icmp eq i64 %586, %590
  br i1 %578, label %569, label %579
579:
  %580 = mul nuw nsw i64 %590, 56
  %581 = getelementptr i8, ptr %155, i64 %580
  %582 = getelementptr double, ptr %581, i64 %590
  %583 = load double, ptr %582, align 8
  %584 = fdiv double %577, %583
  store double %584, ptr %592, align 8
  br label %589
585:
  %586 = phi i64 [ %570, %569 ], [ 0, %566 ]
  %587 = mul nuw nsw i64 %586, 56
  %588 = getelementptr i8, ptr %155, i64 %587
  br label %589
589:
  %590 = phi i64 [ 0, %585 ], [ %591, %579 ]
  %591 = add nuw nsw i64 %590, 1
  %592 = getelementptr double, ptr %588, i64 %590
  %593 = load double, ptr %592, align 8
  %594 = icmp eq i64 %590, 0
  br i1 %594, label %576, label %595
595:
  %596 = mul nuw nsw i64 %590, 56
  %597 = getelementptr i8, ptr %155, i64 %596
  br label %598
598:
  %599 = phi double [ %593, %595 ], [ %607, %598 ]
  %600 = phi i64 [ 0, %595 ], [ %601, %598 ]
  %601 = add nuw nsw i64 %600, 1
  %602 = getelementptr double, ptr %588, i64 %600
  %603 = load double, ptr %602, align 8
  %604 = getelementptr double, ptr %597, i64 %600
  %605 = load double, ptr %604, align 8
  %606 = fmul double %603, %605
  %607 = fsub double %599, %606
  %608 = icmp eq i64 %601, %590
  br i1 %608, label %576, label %598
609:
  %610 = phi i64 [ 0, %625 ], [ %632, %634 ]
  %611 = phi double [ %629, %625 ], [ %643, %634 ]
  %612 = getelementptr double, ptr %155, i64 %610
  %613 = getelementptr double, ptr %612, i64 %626
  %614 = load double, ptr %613, align 8
  %615 = fdiv double %611, %614
  store double %615, ptr %628, align 8
  %616 = icmp eq i64 %627, 6
  br i1 %616, label %645, label %625
617:
  %618 = phi double [ %651, %645 ], [ %665, %655 ]
  %619 = mul nuw nsw i64 %647, 56
  %620 = getelementptr i8, ptr %155, i64 %619
  %621 = getelementptr double, ptr %620, i64 %647
  %622 = load double, ptr %621, align 8
  %623 = fdiv double %618, %622
  store double %623, ptr %650, align 8
  %624 = icmp ugt i64 %646, 1
  br i1 %624, label %645, label %836
625:
  %626 = phi i64 [ %627, %609 ], [ 0, %569 ]
  %627 = add nuw nsw i64 %626, 1
  %628 = getelementptr double, ptr %159, i64 %626
  %629 = load double, ptr %628, align 8
  %630 = icmp eq i64 %626, 0
  br i1 %630, label %609, label %631
631:
  %632 = mul nuw nsw i64 %626, 7
  %633 = getelementptr double, ptr %155, i64 %632
  br label %634
634:
  %635 = phi double [ %629, %631 ], [ %643, %634 ]
  %636 = phi i64 [ 0, %631 ], [ %637, %634 ]
  %637 = add nuw nsw i64 %636, 1
  %638 = getelementptr double, ptr %633, i64 %636
  %639 = load double, ptr %638, align 8
  %640 = getelementptr double, ptr %159, i64 %636
  %641 = load double, ptr %640, align 8
  %642 = fmul double %639, %641
  %643 = fsub double %635, %642
  %644 = icmp eq i64 %637, %626
  br i1 %644, label %609, label %634
645:
  %646 = phi i64 [ %648, %617 ], [ 6, %609 ]
  %647 = phi i64 [ %649, %617 ], [ 5, %609 ]
  %648 = add nsw i64 %646, -1
  %649 = add nsw i64 %647, -1
  %650 = getelementptr double, ptr %159, i64 %647
  %651 = load double, ptr %650, align 8
  %652 = icmp eq i64 %647, 5
  br i1 %652, label %617, label %653
653:
  %654 = getelementptr double, ptr %155, i64 %647
  br label %655
655:
  %656 = phi double [ %651, %653 ], [ %665, %655 ]
  %657 = phi i64 [ %647, %653 ], [ %658, %655 ]
  %658 = add nuw nsw i64 %657, 1
  %659 = mul i64 %658, 56
  %660 = getelementptr i8, ptr %654, i64 %659
  %661 = load double, ptr %660, align 8
  %662 = getelementptr double, ptr %159, i64 %658
  %663 = load double, ptr %662, align 8
  %664 = fmul double %661, %663
  %665 = fsub double %656, %664
  %666 = icmp eq i64 %658, 5
  br i1 %666, label %617, label %655
667:
  %668 = mul nuw nsw i64 %837, 56
  %669 = getelementptr i8, ptr %115, i64 %668
  br label %856
670:
  %671 = add nuw nsw i64 %837, 1
  %672 = getelementptr double, ptr %121, i64 %837
  store double %865, ptr %672, align 8
  %673 = icmp eq i64 %671, 7
  br i1 %673, label %970, label %836
674:
  %675 = phi i64 [ %676, %381 ], [ 0, %376 ]
  %676 = add nuw nsw i64 %675, 1
  %677 = icmp eq i64 %676, 3
  %678 = add nuw nsw i64 %675, 2
  %679 = urem i64 %678, 3
  %680 = mul nuw nsw i64 %676, 3
  %681 = select i1 %677, i64 0, i64 %680
  %682 = mul nuw nsw i64 %679, 3
  %683 = getelementptr double, ptr %106, i64 %681
  %684 = getelementptr i8, ptr %683, i64 24
  %685 = getelementptr double, ptr %67, i64 %682
  %686 = getelementptr double, ptr %106, i64 %682
  %687 = getelementptr i8, ptr %686, i64 24
  %688 = getelementptr double, ptr %67, i64 %681
  br label %689
689:
  %690 = phi double [ 0.000000e+00, %674 ], [ %704, %689 ]
  %691 = phi i64 [ 0, %674 ], [ %692, %689 ]
  %692 = add nuw nsw i64 %691, 1
  %693 = getelementptr double, ptr %684, i64 %691
  %694 = load double, ptr %693, align 8
  %695 = getelementptr double, ptr %685, i64 %691
  %696 = load double, ptr %695, align 8
  %697 = fmul double %694, %696
  %698 = getelementptr double, ptr %687, i64 %691
  %699 = load double, ptr %698, align 8
  %700 = getelementptr double, ptr %688, i64 %691
  %701 = load double, ptr %700, align 8
  %702 = fmul double %699, %701
  %703 = fsub double %697, %702
  %704 = fadd double %690, %703
  %705 = icmp eq i64 %692, 3
  br i1 %705, label %377, label %689
706:
  %707 = phi double [ 0.000000e+00, %377 ], [ %720, %706 ]
  %708 = phi double [ 0.000000e+00, %377 ], [ %716, %706 ]
  %709 = phi i64 [ 0, %377 ], [ %710, %706 ]
  %710 = add nuw nsw i64 %709, 1
  %711 = getelementptr double, ptr %379, i64 %709
  %712 = load double, ptr %711, align 8
  %713 = getelementptr double, ptr %119, i64 %709
  %714 = load double, ptr %713, align 8
  %715 = fmul double %712, %714
  %716 = fadd double %708, %715
  %717 = getelementptr double, ptr %380, i64 %709
  %718 = load double, ptr %717, align 8
  %719 = fmul double %714, %718
  %720 = fadd double %707, %719
  %721 = icmp eq i64 %710, 7
  br i1 %721, label %381, label %706
722:
  %723 = phi i64 [ %396, %395 ], [ 0, %381 ]
  %724 = mul nuw nsw i64 %723, 56
  %725 = getelementptr i8, ptr %115, i64 %724
  %726 = getelementptr i8, ptr %118, i64 %724
  br label %727
727:
  %728 = phi i64 [ 0, %722 ], [ %729, %727 ]
  %729 = add nuw nsw i64 %728, 1
  %730 = getelementptr double, ptr %725, i64 %728
  %731 = load double, ptr %730, align 8
  %732 = getelementptr double, ptr %726, i64 %728
  store double %731, ptr %732, align 8
  %733 = icmp eq i64 %729, 7
  br i1 %733, label %395, label %727
734:
  %735 = phi i64 [ %439, %438 ], [ 0, %398 ]
  %736 = mul nuw nsw i64 %735, 56
  %737 = getelementptr i8, ptr %112, i64 %736
  %738 = getelementptr double, ptr %154, i64 %735
  br label %739
739:
  %740 = phi i64 [ 0, %734 ], [ %741, %441 ]
  %741 = add nuw nsw i64 %740, 1
  %742 = getelementptr double, ptr %737, i64 %740
  %743 = load double, ptr %742, align 8
  %744 = icmp eq i64 %740, 0
  br i1 %744, label %441, label %745
745:
  %746 = mul nuw nsw i64 %740, 7
  %747 = getelementptr double, ptr %118, i64 %746
  br label %748
748:
  %749 = phi double [ %743, %745 ], [ %758, %748 ]
  %750 = phi i64 [ 0, %745 ], [ %751, %748 ]
  %751 = add nuw nsw i64 %750, 1
  %752 = getelementptr double, ptr %747, i64 %750
  %753 = load double, ptr %752, align 8
  %754 = mul nuw nsw i64 %750, 56
  %755 = getelementptr i8, ptr %738, i64 %754
  %756 = load double, ptr %755, align 8
  %757 = fmul double %753, %756
  %758 = fsub double %749, %757
  %759 = icmp eq i64 %751, %740
  br i1 %759, label %441, label %748
760:
  %761 = phi i64 [ %451, %450 ], [ 0, %438 ]
  %762 = getelementptr double, ptr %155, i64 %761
  %763 = mul nuw nsw i64 %761, 56
  %764 = getelementptr i8, ptr %155, i64 %763
  br label %765
765:
  %766 = phi i64 [ 0, %760 ], [ %454, %453 ]
  br label %767
767:
  %768 = phi double [ 0.000000e+00, %765 ], [ %778, %767 ]
  %769 = phi i64 [ 0, %765 ], [ %770, %767 ]
  %770 = add nuw nsw i64 %769, 1
  %771 = mul nuw nsw i64 %769, 56
  %772 = getelementptr i8, ptr %154, i64 %771
  %773 = getelementptr double, ptr %772, i64 %761
  %774 = load double, ptr %773, align 8
  %775 = getelementptr double, ptr %772, i64 %766
  %776 = load double, ptr %775, align 8
  %777 = fmul double %774, %776
  %778 = fadd double %768, %777
  %779 = icmp eq i64 %770, 7
  br i1 %779, label %453, label %767
780:
  %781 = phi i1 [ false, %459 ], [ true, %450 ]
  %782 = phi i64 [ 3, %459 ], [ 0, %450 ]
  %783 = getelementptr double, ptr %155, i64 %782
  br label %784
784:
  %785 = phi i64 [ 0, %780 ], [ %461, %460 ]
  %786 = add nuw nsw i64 %785, %782
  %787 = mul nuw nsw i64 %785, 56
  %788 = getelementptr i8, ptr %156, i64 %787
  %789 = mul nuw nsw i64 %786, 56
  %790 = getelementptr i8, ptr %783, i64 %789
  br label %791
791:
  %792 = phi i64 [ 0, %784 ], [ %793, %791 ]
  %793 = add nuw nsw i64 %792, 1
  %794 = getelementptr double, ptr %790, i64 %792
  %795 = load double, ptr %794, align 8
  %796 = getelementptr double, ptr %788, i64 %792
  store double %795, ptr %796, align 8
  %797 = icmp eq i64 %793, 3
  br i1 %797, label %460, label %791
798:
  %799 = phi i64 [ %800, %798 ], [ 0, %522 ]
  %800 = add nuw nsw i64 %799, 1
  %801 = getelementptr double, ptr %157, i64 %799
  %802 = load double, ptr %801, align 8
  %803 = getelementptr double, ptr %523, i64 %799
  store double %802, ptr %803, align 8
  %804 = icmp eq i64 %800, 3
  br i1 %804, label %459, label %798
805:
  %806 = phi i64 [ %807, %805 ], [ 0, %459 ]
  %807 = add nuw nsw i64 %806, 1
  %808 = getelementptr double, ptr %61, i64 %806
  %809 = load double, ptr %808, align 8
  %810 = getelementptr double, ptr %109, i64 %806
  %811 = load double, ptr %810, align 8
  %812 = fsub double %809, %811
  %813 = fmul double %812, 1.000000e+01
  %814 = getelementptr double, ptr %119, i64 %806
  %815 = load double, ptr %814, align 8
  %816 = fmul double %815, 0x40194C583ADA5B53
  %817 = fsub double %813, %816
  %818 = getelementptr double, ptr %158, i64 %806
  store double %817, ptr %818, align 8
  %819 = icmp eq i64 %807, 7
  br i1 %819, label %820, label %805
820:
  %821 = phi i64 [ %567, %566 ], [ 0, %805 ]
  %822 = getelementptr double, ptr %159, i64 %821
  %823 = mul nuw nsw i64 %821, 56
  %824 = getelementptr i8, ptr %112, i64 %823
  store double 0.000000e+00, ptr %822, align 8
  br label %825
825:
  %826 = phi i64 [ 0, %820 ], [ %828, %825 ]
  %827 = phi double [ 0.000000e+00, %820 ], [ %834, %825 ]
  %828 = add nuw nsw i64 %826, 1
  %829 = getelementptr double, ptr %824, i64 %826
  %830 = load double, ptr %829, align 8
  %831 = getelementptr double, ptr %158, i64 %826
  %832 = load double, ptr %831, align 8
  %833 = fmul double %830, %832
  %834 = fadd double %827, %833
  store double %834, ptr %822, align 8
  %835 = icmp eq i64 %828, 7
  br i1 %835, label %566, label %825
836:
  %837 = phi i64 [ %671, %670 ], [ 0, %617 ]
  %838 = getelementptr double, ptr %120, i64 %837
  %839 = load double, ptr %838, align 8
  %840 = getelementptr double, ptr %112, i64 %837
  br label %841
841:
  %842 = phi double [ %839, %836 ], [ %854, %841 ]
  %843 = phi i64 [ 0, %836 ], [ %844, %841 ]
  %844 = add nuw nsw i64 %843, 1
  %845 = mul nuw nsw i64 %843, 56
  %846 = getelementptr i8, ptr %840, i64 %845
  %847 = load double, ptr %846, align 8
  %848 = getelementptr double, ptr %153, i64 %843
  %849 = load double, ptr %848, align 8
  %850 = getelementptr double, ptr %159, i64 %843
  %851 = load double, ptr %850, align 8
  %852 = fsub double %849, %851
  %853 = fmul double %847, %852
  %854 = fadd double %842, %853
  %855 = icmp eq i64 %844, 6
  br i1 %855, label %667, label %841
856:
  %857 = phi double [ %854, %667 ], [ %865, %856 ]
  %858 = phi i64 [ 0, %667 ], [ %859, %856 ]
  %859 = add nuw nsw i64 %858, 1
  %860 = getelementptr double, ptr %669, i64 %858
  %861 = load double, ptr %860, align 8
  %862 = getelementptr double, ptr %158, i64 %858
  %863 = load double, ptr %862, align 8
  %864 = fmul double %861, %863
  %865 = fadd double %857, %864
  %866 = icmp eq i64 %859, 7
  br i1 %866, label %670, label %856
867:
  %868 = load double, ptr %160, align 8
  %869 = fcmp ogt double %868, 0.000000e+00
  %870 = fcmp olt double %868, 0.000000e+00
  %871 = select i1 %870, double -1.000000e+00, double %868
  %872 = select i1 %869, double 1.000000e+00, double %871
  %873 = fmul double %161, %872
  %874 = load double, ptr %70, align 8
  %875 = fsub double %874, %873
  %876 = fcmp olt double %875, -1.000000e+00
  %877 = select i1 %876, double -1.000000e+00, double %875
  %878 = fcmp ogt double %877, 1.000000e+00
  %879 = select i1 %878, double 1.000000e+00, double %877
  store double %879, ptr %70, align 8
  %880 = load double, ptr %162, align 8
  %881 = fadd double %880, %873
  %882 = fcmp olt double %881, -1.000000e+00
  %883 = select i1 %882, double -1.000000e+00, double %881
  %884 = fcmp ogt double %883, 1.000000e+00
  %885 = select i1 %884, double 1.000000e+00, double %883
  store double %885, ptr %162, align 8
  br label %993
886:
  call void @mj_step2(i64 %3, i64 %5)
  %888 = icmp eq i64 %175, %84
  br i1 %888, label %889, label %892
889:
  br i1 %163, label %890, label %1018
890:
  br i1 %164, label %891, label %1025
891:
  br i1 %165, label %892, label %1032
892:
  %893 = icmp eq i64 %175, %7
  br i1 %893, label %1039, label %166
894:
  %895 = phi i64 [ 0, %166 ], [ %896, %172 ]
  %896 = add nuw nsw i64 %895, 1
  %897 = icmp ult i64 %895, 3
  %898 = getelementptr double, ptr %148, i64 %895
  %899 = getelementptr double, ptr %144, i64 %895
  %900 = getelementptr i8, ptr %899, i64 -24
  %901 = select i1 %897, ptr %898, ptr %900
  %902 = load double, ptr %901, align 8
  %903 = getelementptr double, ptr %106, i64 %895
  store double %902, ptr %903, align 8
  %904 = load i64, ptr %82, align 8
  %905 = icmp eq i64 %904, 0
  br i1 %905, label %172, label %169
906:
  %907 = phi i64 [ 0, %325 ], [ %328, %363 ]
  %908 = getelementptr i64, ptr %52, i64 %907
  %909 = load i64, ptr %908, align 8
  %910 = getelementptr i64, ptr %49, i64 %907
  %911 = load i64, ptr %910, align 8
  %912 = icmp slt i64 %911, 0
  %913 = select i1 %912, i64 %14, i64 0
  %914 = getelementptr double, ptr %15, i64 %911
  %915 = getelementptr double, ptr %914, i64 %913
  %916 = load double, ptr %915, align 8
  %917 = icmp slt i64 %909, 0
  %918 = select i1 %917, i64 %19, i64 0
  %919 = getelementptr double, ptr %20, i64 %909
  %920 = getelementptr double, ptr %919, i64 %918
  %921 = load double, ptr %920, align 8
  %922 = select i1 %917, i64 %34, i64 0
  %923 = getelementptr double, ptr %35, i64 %909
  %924 = getelementptr double, ptr %923, i64 %922
  %925 = load double, ptr %924, align 8
  %926 = getelementptr double, ptr %109, i64 %907
  store double %916, ptr %926, align 8
  %927 = getelementptr double, ptr %119, i64 %907
  store double %921, ptr %927, align 8
  %928 = getelementptr double, ptr %120, i64 %907
  store double %925, ptr %928, align 8
  %929 = select i1 %917, i64 %102, i64 0
  %930 = getelementptr double, ptr %103, i64 %929
  %931 = getelementptr double, ptr %930, i64 %909
  %932 = getelementptr double, ptr %112, i64 %907
  br label %933
933:
  %934 = phi i64 [ 0, %906 ], [ %935, %933 ]
  %935 = add nuw nsw i64 %934, 1
  %936 = mul i64 %934, %102
  %937 = getelementptr double, ptr %931, i64 %936
  %938 = load double, ptr %937, align 8
  %939 = mul nuw nsw i64 %934, 56
  %940 = getelementptr i8, ptr %932, i64 %939
  store double %938, ptr %940, align 8
  %941 = add nuw nsw i64 %934, 3
  %942 = mul i64 %941, %102
  %943 = getelementptr double, ptr %931, i64 %942
  %944 = load double, ptr %943, align 8
  %945 = getelementptr i8, ptr %940, i64 168
  store double %944, ptr %945, align 8
  %946 = icmp eq i64 %935, 3
  br i1 %946, label %327, label %933
947:
  %948 = phi i64 [ %369, %368 ], [ 0, %365 ]
  %949 = getelementptr double, ptr %61, i64 %948
  %950 = load double, ptr %949, align 8
  %951 = getelementptr double, ptr %109, i64 %948
  store double %950, ptr %951, align 8
  %952 = getelementptr double, ptr %119, i64 %948
  store double 0.000000e+00, ptr %952, align 8
  %953 = getelementptr double, ptr %76, i64 %948
  %954 = getelementptr double, ptr %112, i64 %948
  br label %955
955:
  %956 = phi i64 [ 0, %947 ], [ %957, %955 ]
  %957 = add nuw nsw i64 %956, 1
  %958 = mul nuw nsw i64 %956, 56
  %959 = getelementptr i8, ptr %953, i64 %958
  %960 = load double, ptr %959, align 8
  %961 = getelementptr i8, ptr %954, i64 %958
  store double %960, ptr %961, align 8
  %962 = icmp eq i64 %957, 6
  br i1 %962, label %371, label %955
963:
  %964 = phi i64 [ 0, %371 ], [ %965, %963 ]
  %965 = add nuw nsw i64 %964, 1
  %966 = getelementptr double, ptr %373, i64 %964
  %967 = load double, ptr %966, align 8
  %968 = getelementptr double, ptr %374, i64 %964
  store double %967, ptr %968, align 8
  %969 = icmp eq i64 %965, 7
  br i1 %969, label %368, label %963
970:
  %971 = phi i64 [ %972, %970 ], [ 0, %670 ]
  %972 = add nuw nsw i64 %971, 1
  %973 = getelementptr i64, ptr %55, i64 %971
  %974 = load i64, ptr %973, align 8
  %975 = getelementptr double, ptr %121, i64 %971
  %976 = load double, ptr %975, align 8
  %977 = icmp slt i64 %974, 0
  %978 = select i1 %977, i64 %45, i64 0
  %979 = add i64 %978, %974
  %980 = shl i64 %979, 4
  %981 = getelementptr i8, ptr %46, i64 %980
  %982 = load double, ptr %981, align 8
  %983 = fcmp ogt double %982, %976
  %984 = select i1 %983, double %982, double %976
  %985 = getelementptr i8, ptr %981, i64 8
  %986 = load double, ptr %985, align 8
  %987 = fcmp olt double %986, %984
  %988 = select i1 %987, double %986, double %984
  %989 = select i1 %977, i64 %24, i64 0
  %990 = getelementptr double, ptr %25, i64 %974
  %991 = getelementptr double, ptr %990, i64 %989
  store double %988, ptr %991, align 8
  %992 = icmp eq i64 %972, 7
  br i1 %992, label %867, label %970
993:
  %994 = phi i64 [ 0, %867 ], [ %995, %993 ]
  %995 = add nuw nsw i64 %994, 1
  %996 = getelementptr i64, ptr %58, i64 %994
  %997 = load i64, ptr %996, align 8
  %998 = icmp slt i64 %997, 0
  %999 = select i1 %998, i64 %45, i64 0
  %1000 = add i64 %999, %997
  %1001 = shl i64 %1000, 4
  %1002 = getelementptr i8, ptr %46, i64 %1001
  %1003 = load double, ptr %1002, align 8
  %1004 = getelementptr i8, ptr %1002, i64 8
  %1005 = load double, ptr %1004, align 8
  %1006 = fadd double %1003, %1005
  %1007 = fmul double %1006, 5.000000e-01
  %1008 = fsub double %1005, %1003
  %1009 = fmul double %1008, 5.000000e-01
  %1010 = getelementptr double, ptr %70, i64 %994
  %1011 = load double, ptr %1010, align 8
  %1012 = fmul double %1011, %1009
  %1013 = fadd double %1007, %1012
  %1014 = select i1 %998, i64 %24, i64 0
  %1015 = getelementptr double, ptr %25, i64 %997
  %1016 = getelementptr double, ptr %1015, i64 %1014
  store double %1013, ptr %1016, align 8
  %1017 = icmp eq i64 %995, 2
  br i1 %1017, label %886, label %993
1018:
  %1019 = phi i64 [ %1020, %1018 ], [ 0, %889 ]
  %1020 = add nuw nsw i64 %1019, 1
  %1021 = getelementptr double, ptr %89, i64 %1019
  %1022 = load double, ptr %1021, align 8
  %1023 = getelementptr double, ptr %92, i64 %1019
  store double %1022, ptr %1023, align 8
  %1024 = icmp eq i64 %88, %1020
  br i1 %1024, label %890, label %1018
1025:
  %1026 = phi i64 [ %1027, %1025 ], [ 0, %890 ]
  %1027 = add nuw nsw i64 %1026, 1
  %1028 = getelementptr double, ptr %15, i64 %1026
  %1029 = load double, ptr %1028, align 8
  %1030 = getelementptr double, ptr %95, i64 %1026
  store double %1029, ptr %1030, align 8
  %1031 = icmp eq i64 %14, %1027
  br i1 %1031, label %891, label %1025
1032:
  %1033 = phi i64 [ %1034, %1032 ], [ 0, %891 ]
  %1034 = add nuw nsw i64 %1033, 1
  %1035 = getelementptr double, ptr %20, i64 %1033
  %1036 = load double, ptr %1035, align 8
  %1037 = getelementptr double, ptr %98, i64 %1033
  store double %1036, ptr %1037, align 8
  %1038 = icmp eq i64 %19, %1034
  br i1 %1038, label %892, label %1032
1039:
  ret void
}
declare void @mj_step1(i64, i64)
declare void @mj_jacSite(i64, i64, i64, i64, i32)
declare void @mj_step2(i64, i64)
declare double @llvm.sqrt.f64(double)
declare double @llvm.sin.f64(double)
declare double @llvm.cos.f64(double)
