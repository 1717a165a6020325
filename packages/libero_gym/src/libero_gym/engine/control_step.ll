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
  %85 = inttoptr i64 %84 to ptr
  %86 = getelementptr i8, ptr %2, i64 312
  %87 = load i64, ptr %86, align 8
  %88 = getelementptr i8, ptr %2, i64 320
  %89 = load i64, ptr %88, align 8
  %90 = getelementptr i8, ptr %2, i64 328
  %91 = load i64, ptr %90, align 8
  %92 = inttoptr i64 %89 to ptr
  %93 = getelementptr i8, ptr %2, i64 336
  %94 = load i64, ptr %93, align 8
  %95 = inttoptr i64 %94 to ptr
  %96 = getelementptr i8, ptr %2, i64 352
  %97 = load i64, ptr %96, align 8
  %98 = inttoptr i64 %97 to ptr
  %99 = getelementptr i8, ptr %2, i64 368
  %100 = load i64, ptr %99, align 8
  %101 = inttoptr i64 %100 to ptr
  %102 = getelementptr i8, ptr %2, i64 384
  %103 = load i64, ptr %102, align 8
  %104 = getelementptr i8, ptr %2, i64 392
  %105 = load i64, ptr %104, align 8
  %106 = inttoptr i64 %103 to ptr
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
  %119 = getelementptr i8, ptr %2, i64 432
  %120 = load i64, ptr %119, align 8
  %121 = inttoptr i64 %120 to ptr
  %122 = getelementptr i8, ptr %112, i64 56
  %123 = getelementptr i8, ptr %112, i64 112
  %124 = getelementptr i8, ptr %112, i64 168
  %125 = mul nsw i64 %105, 24
  %126 = add nsw i64 %125, %103
  %127 = icmp slt i64 %7, 1
  br i1 %127, label %1052, label %128
128:
  %129 = getelementptr i8, ptr %2, i64 232
  %130 = load i64, ptr %129, align 8
  %131 = getelementptr i8, ptr %2, i64 104
  %132 = load i64, ptr %131, align 8
  %133 = inttoptr i64 %132 to ptr
  %134 = getelementptr i8, ptr %2, i64 112
  %135 = load i64, ptr %134, align 8
  %136 = getelementptr i8, ptr %2, i64 88
  %137 = load i64, ptr %136, align 8
  %138 = inttoptr i64 %137 to ptr
  %139 = getelementptr i8, ptr %2, i64 96
  %140 = load i64, ptr %139, align 8
  %141 = getelementptr i8, ptr %2, i64 24
  %142 = load double, ptr %141, align 8
  %143 = icmp slt i64 %130, 0
  %144 = select i1 %143, i64 %135, i64 0
  %145 = add i64 %144, %130
  %146 = mul i64 %145, 72
  %147 = getelementptr i8, ptr %133, i64 %146
  %148 = select i1 %143, i64 %140, i64 0
  %149 = add i64 %148, %130
  %150 = mul i64 %149, 24
  %151 = getelementptr i8, ptr %138, i64 %150
  %152 = getelementptr i8, ptr %10, i64 24
  %153 = getelementptr i8, ptr %10, i64 32
  %154 = getelementptr i8, ptr %10, i64 40
  %155 = trunc i64 %130 to i32
  %156 = getelementptr i8, ptr %121, i64 1568
  %157 = getelementptr i8, ptr %121, i64 392
  %158 = getelementptr i8, ptr %121, i64 784
  %159 = getelementptr i8, ptr %121, i64 1176
  %160 = getelementptr i8, ptr %121, i64 1736
  %161 = getelementptr i8, ptr %121, i64 1680
  %162 = getelementptr i8, ptr %121, i64 1624
  %163 = getelementptr i8, ptr %10, i64 48
  %164 = fmul double %142, 1.000000e-02
  %165 = getelementptr i8, ptr %70, i64 8
  %166 = icmp slt i64 %91, 1
  %167 = icmp slt i64 %14, 1
  %168 = icmp slt i64 %19, 1
  br label %169
169:
  %170 = phi i64 [ 0, %128 ], [ %171, %897 ]
  %171 = add nuw nsw i64 %170, 1
  call void @mj_step1(i64 %3, i64 %5)
  %173 = load i64, ptr %85, align 8
  %174 = icmp slt i64 %173, 1
  br i1 %174, label %906, label %899
175:
  %176 = getelementptr double, ptr %73, i64 %908
  %177 = load double, ptr %176, align 8
  store double %177, ptr %916, align 8
  br label %178
178:
  %179 = icmp eq i64 %909, 12
  br i1 %179, label %180, label %907
180:
  %181 = icmp eq i64 %170, 0
  br i1 %181, label %278, label %330
182:
  %183 = load double, ptr %152, align 8
  %184 = fcmp olt double %183, -1.000000e+00
  %185 = select i1 %184, double -1.000000e+00, double %183
  %186 = fcmp ogt double %185, 1.000000e+00
  %187 = select i1 %186, double 1.000000e+00, double %185
  %188 = fmul double %187, 5.000000e-01
  %189 = load double, ptr %153, align 8
  %190 = fcmp olt double %189, -1.000000e+00
  %191 = select i1 %190, double -1.000000e+00, double %189
  %192 = fcmp ogt double %191, 1.000000e+00
  %193 = select i1 %192, double 1.000000e+00, double %191
  %194 = fmul double %193, 5.000000e-01
  %195 = load double, ptr %154, align 8
  %196 = fcmp olt double %195, -1.000000e+00
  %197 = select i1 %196, double -1.000000e+00, double %195
  %198 = fcmp ogt double %197, 1.000000e+00
  %199 = select i1 %198, double 1.000000e+00, double %197
  %200 = fmul double %199, 5.000000e-01
  %201 = fmul double %188, %188
  %202 = fmul double %194, %194
  %203 = fadd double %201, %202
  %204 = fmul double %200, %200
  %205 = fadd double %203, %204
  %206 = fcmp oeq double %205, 0.000000e+00
  br i1 %206, label %330, label %207
207:
  %208 = tail call double @llvm.sqrt.f64(double %205)
  %209 = fmul double %208, 5.000000e-01
  %210 = tail call double @llvm.sin.f64(double %209)
  %211 = tail call double @llvm.cos.f64(double %209)
  %212 = fptrunc double %211 to float
  %213 = fdiv double %188, %208
  %214 = fmul double %213, %210
  %215 = fptrunc double %214 to float
  %216 = fdiv double %194, %208
  %217 = fmul double %216, %210
  %218 = fptrunc double %217 to float
  %219 = fdiv double %200, %208
  %220 = fmul double %219, %210
  %221 = fptrunc double %220 to float
  %222 = fmul float %212, %212
  %223 = fpext float %222 to double
  %224 = fmul float %215, %215
  %225 = fpext float %224 to double
  %226 = fadd double %223, %225
  %227 = fmul float %218, %218
  %228 = fpext float %227 to double
  %229 = fadd double %226, %228
  %230 = fmul float %221, %221
  %231 = fpext float %230 to double
  %232 = fadd double %229, %231
  %233 = fptrunc double %232 to float
  %234 = fpext float %233 to double
  %235 = fdiv double 2.000000e+00, %234
  %236 = tail call double @llvm.sqrt.f64(double %235)
  %237 = fpext float %212 to double
  %238 = fmul double %236, %237
  %239 = fptrunc double %238 to float
  %240 = fpext float %215 to double
  %241 = fmul double %236, %240
  %242 = fptrunc double %241 to float
  %243 = fpext float %218 to double
  %244 = fmul double %236, %243
  %245 = fptrunc double %244 to float
  %246 = fpext float %221 to double
  %247 = fmul double %236, %246
  %248 = fptrunc double %247 to float
  %249 = fmul float %242, %242
  %250 = fpext float %249 to double
  %251 = fmul float %245, %245
  %252 = fpext float %251 to double
  %253 = fmul float %248, %248
  %254 = fpext float %253 to double
  %255 = fsub double 1.000000e+00, %252
  %256 = fsub double %255, %254
  %257 = fmul float %242, %245
  %258 = fmul float %248, %239
  %259 = fsub float %257, %258
  %260 = fpext float %259 to double
  %261 = fmul float %242, %248
  %262 = fmul float %245, %239
  %263 = fadd float %261, %262
  %264 = fpext float %263 to double
  %265 = fadd float %257, %258
  %266 = fpext float %265 to double
  %267 = fsub double 1.000000e+00, %250
  %268 = fsub double %267, %254
  %269 = fmul float %245, %248
  %270 = fmul float %242, %239
  %271 = fsub float %269, %270
  %272 = fpext float %271 to double
  %273 = fsub float %261, %262
  %274 = fpext float %273 to double
  %275 = fadd float %269, %270
  %276 = fpext float %275 to double
  %277 = fsub double %267, %252
  br label %293
278:
  %279 = phi i64 [ %280, %278 ], [ 0, %180 ]
  %280 = add nuw nsw i64 %279, 1
  %281 = getelementptr double, ptr %109, i64 %279
  %282 = load double, ptr %281, align 8
  %283 = getelementptr double, ptr %10, i64 %279
  %284 = load double, ptr %283, align 8
  %285 = fcmp olt double %284, -1.000000e+00
  %286 = select i1 %285, double -1.000000e+00, double %284
  %287 = fcmp ogt double %286, 1.000000e+00
  %288 = select i1 %287, double 1.000000e+00, double %286
  %289 = fmul double %288, 5.000000e-02
  %290 = fadd double %282, %289
  %291 = getelementptr double, ptr %64, i64 %279
  store double %290, ptr %291, align 8
  %292 = icmp eq i64 %280, 3
  br i1 %292, label %182, label %278
293:
  %294 = phi i64 [ 0, %207 ], [ %295, %293 ]
  %295 = add nuw nsw i64 %294, 1
  %296 = add nuw nsw i64 %294, 3
  %297 = getelementptr double, ptr %109, i64 %296
  %298 = load double, ptr %297, align 8
  %299 = fmul double %256, %298
  %300 = add nuw nsw i64 %294, 6
  %301 = getelementptr double, ptr %109, i64 %300
  %302 = load double, ptr %301, align 8
  %303 = fmul double %302, %260
  %304 = fadd double %299, %303
  %305 = getelementptr double, ptr %109, i64 %294
  %306 = getelementptr i8, ptr %305, i64 72
  %307 = load double, ptr %306, align 8
  %308 = fmul double %307, %264
  %309 = fadd double %304, %308
  %310 = getelementptr double, ptr %67, i64 %294
  store double %309, ptr %310, align 8
  %311 = load double, ptr %297, align 8
  %312 = fmul double %311, %266
  %313 = load double, ptr %301, align 8
  %314 = fmul double %268, %313
  %315 = fadd double %312, %314
  %316 = load double, ptr %306, align 8
  %317 = fmul double %316, %272
  %318 = fadd double %315, %317
  %319 = getelementptr double, ptr %67, i64 %296
  store double %318, ptr %319, align 8
  %320 = load double, ptr %297, align 8
  %321 = fmul double %320, %274
  %322 = load double, ptr %301, align 8
  %323 = fmul double %322, %276
  %324 = fadd double %321, %323
  %325 = load double, ptr %306, align 8
  %326 = fmul double %277, %325
  %327 = fadd double %324, %326
  %328 = getelementptr double, ptr %67, i64 %300
  store double %327, ptr %328, align 8
  %329 = icmp eq i64 %295, 3
  br i1 %329, label %330, label %293
330:
  call void @mj_jacSite(i64 %3, i64 %5, i64 %103, i64 %126, i32 %155)
  br label %919
332:
  %333 = add nuw nsw i64 %920, 1
  %334 = icmp sgt i64 %922, -1
  br i1 %334, label %335, label %368
335:
  %336 = getelementptr i32, ptr %38, i64 %922
  %337 = load i32, ptr %336, align 4
  %338 = sext i32 %337 to i64
  %339 = getelementptr double, ptr %118, i64 %920
  %340 = mul nuw nsw i64 %920, 56
  %341 = getelementptr i8, ptr %118, i64 %340
  br label %342
342:
  %343 = phi i64 [ %360, %359 ], [ %920, %335 ]
  %344 = phi i64 [ %364, %359 ], [ %922, %335 ]
  %345 = phi i64 [ %365, %359 ], [ %338, %335 ]
  %346 = getelementptr i64, ptr %52, i64 %343
  %347 = load i64, ptr %346, align 8
  %348 = icmp eq i64 %344, %347
  br i1 %348, label %349, label %359
349:
  %350 = icmp slt i64 %345, 0
  %351 = select i1 %350, i64 %29, i64 0
  %352 = getelementptr double, ptr %30, i64 %345
  %353 = getelementptr double, ptr %352, i64 %351
  %354 = load double, ptr %353, align 8
  %355 = getelementptr double, ptr %341, i64 %343
  store double %354, ptr %355, align 8
  %356 = mul i64 %343, 56
  %357 = getelementptr i8, ptr %339, i64 %356
  store double %354, ptr %357, align 8
  %358 = add nsw i64 %343, -1
  br label %359
359:
  %360 = phi i64 [ %358, %349 ], [ %343, %342 ]
  %361 = getelementptr i32, ptr %41, i64 %344
  %362 = load i32, ptr %361, align 4
  %363 = icmp sgt i32 %362, -1
  %364 = zext i32 %362 to i64
  %365 = add nsw i64 %345, 1
  %366 = icmp sgt i64 %360, -1
  %367 = select i1 %363, i1 %366, i1 false
  br i1 %367, label %342, label %368
368:
  %369 = icmp eq i64 %333, 7
  br i1 %369, label %370, label %919
370:
  %371 = load i64, ptr %82, align 8
  %372 = icmp eq i64 %371, 0
  br i1 %372, label %381, label %960
373:
  %374 = add nuw nsw i64 %961, 1
  %375 = icmp eq i64 %374, 7
  br i1 %375, label %380, label %960
376:
  %377 = mul nuw nsw i64 %961, 56
  %378 = getelementptr i8, ptr %79, i64 %377
  %379 = getelementptr i8, ptr %118, i64 %377
  br label %976
380:
  store i64 0, ptr %82, align 8
  br label %381
381:
  br label %679
382:
  %383 = mul nuw nsw i64 %680, 56
  %384 = getelementptr i8, ptr %115, i64 %383
  %385 = getelementptr i8, ptr %384, i64 168
  br label %711
386:
  %387 = getelementptr double, ptr %64, i64 %680
  %388 = load double, ptr %387, align 8
  %389 = getelementptr double, ptr %109, i64 %680
  %390 = load double, ptr %389, align 8
  %391 = fsub double %388, %390
  %392 = fmul double %391, 1.500000e+02
  %393 = fmul double %721, 0x40387EB1990B697A
  %394 = fsub double %392, %393
  %395 = getelementptr double, ptr %156, i64 %680
  store double %394, ptr %395, align 8
  %396 = fmul double %709, 7.500000e+01
  %397 = fmul double %725, 0x40387EB1990B697A
  %398 = fsub double %396, %397
  %399 = getelementptr i8, ptr %395, i64 24
  store double %398, ptr %399, align 8
  br i1 %682, label %727, label %679
400:
  %401 = add nuw nsw i64 %728, 1
  %402 = icmp eq i64 %401, 7
  br i1 %402, label %419, label %727
403:
  %404 = add nuw nsw i64 %420, 1
  %405 = getelementptr double, ptr %422, i64 %420
  %406 = fcmp olt double %411, 1.000000e-30
  %407 = select i1 %406, double 1.000000e-30, double %411
  %408 = tail call double @llvm.sqrt.f64(double %407)
  store double %408, ptr %405, align 8
  %409 = icmp eq i64 %404, 7
  br i1 %409, label %739, label %419
410:
  %411 = phi double [ %427, %423 ], [ %441, %432 ]
  %412 = icmp eq i64 %420, %424
  br i1 %412, label %403, label %413
413:
  %414 = mul nuw nsw i64 %424, 56
  %415 = getelementptr i8, ptr %121, i64 %414
  %416 = getelementptr double, ptr %415, i64 %424
  %417 = load double, ptr %416, align 8
  %418 = fdiv double %411, %417
  store double %418, ptr %426, align 8
  br label %423
419:
  %420 = phi i64 [ %404, %403 ], [ 0, %400 ]
  %421 = mul nuw nsw i64 %420, 56
  %422 = getelementptr i8, ptr %121, i64 %421
  br label %423
423:
  %424 = phi i64 [ 0, %419 ], [ %425, %413 ]
  %425 = add nuw nsw i64 %424, 1
  %426 = getelementptr double, ptr %422, i64 %424
  %427 = load double, ptr %426, align 8
  %428 = icmp eq i64 %424, 0
  br i1 %428, label %410, label %429
429:
  %430 = mul nuw nsw i64 %424, 56
  %431 = getelementptr i8, ptr %121, i64 %430
  br label %432
432:
  %433 = phi double [ %427, %429 ], [ %441, %432 ]
  %434 = phi i64 [ 0, %429 ], [ %435, %432 ]
  %435 = add nuw nsw i64 %434, 1
  %436 = getelementptr double, ptr %422, i64 %434
  %437 = load double, ptr %436, align 8
  %438 = getelementptr double, ptr %431, i64 %434
  %439 = load double, ptr %438, align 8
  %440 = fmul double %437, %439
  %441 = fsub double %433, %440
  %442 = icmp eq i64 %435, %424
  br i1 %442, label %410, label %432
443:
  %444 = add nuw nsw i64 %740, 1
  %445 = icmp eq i64 %444, 6
  br i1 %445, label %765, label %739
446:
  %447 = phi i64 [ 0, %744 ], [ %751, %753 ]
  %448 = phi double [ %748, %744 ], [ %763, %753 ]
  %449 = getelementptr double, ptr %121, i64 %447
  %450 = getelementptr double, ptr %449, i64 %745
  %451 = load double, ptr %450, align 8
  %452 = fdiv double %448, %451
  %453 = getelementptr double, ptr %743, i64 %447
  store double %452, ptr %453, align 8
  %454 = icmp eq i64 %746, 7
  br i1 %454, label %443, label %744
455:
  %456 = add nuw nsw i64 %766, 1
  %457 = icmp eq i64 %456, 6
  br i1 %457, label %785, label %765
458:
  %459 = add nuw nsw i64 %771, 1
  %460 = getelementptr double, ptr %769, i64 %771
  store double %783, ptr %460, align 8
  %461 = mul nuw nsw i64 %771, 56
  %462 = getelementptr i8, ptr %767, i64 %461
  store double %783, ptr %462, align 8
  %463 = icmp eq i64 %771, %766
  br i1 %463, label %455, label %770
464:
  br i1 %786, label %785, label %810
465:
  %466 = add nuw nsw i64 %790, 1
  %467 = getelementptr double, ptr %156, i64 %791
  %468 = load double, ptr %467, align 8
  %469 = getelementptr double, ptr %160, i64 %790
  store double %468, ptr %469, align 8
  %470 = icmp eq i64 %466, 3
  br i1 %470, label %487, label %789
471:
  %472 = add nuw nsw i64 %488, 1
  %473 = getelementptr double, ptr %490, i64 %488
  %474 = fcmp olt double %479, 1.000000e-30
  %475 = select i1 %474, double 1.000000e-30, double %479
  %476 = tail call double @llvm.sqrt.f64(double %475)
  store double %476, ptr %473, align 8
  %477 = icmp eq i64 %472, 3
  br i1 %477, label %529, label %487
478:
  %479 = phi double [ %495, %491 ], [ %509, %500 ]
  %480 = icmp eq i64 %488, %492
  br i1 %480, label %471, label %481
481:
  %482 = mul nuw nsw i64 %492, 56
  %483 = getelementptr i8, ptr %159, i64 %482
  %484 = getelementptr double, ptr %483, i64 %492
  %485 = load double, ptr %484, align 8
  %486 = fdiv double %479, %485
  store double %486, ptr %494, align 8
  br label %491
487:
  %488 = phi i64 [ %472, %471 ], [ 0, %465 ]
  %489 = mul nuw nsw i64 %488, 56
  %490 = getelementptr i8, ptr %159, i64 %489
  br label %491
491:
  %492 = phi i64 [ 0, %487 ], [ %493, %481 ]
  %493 = add nuw nsw i64 %492, 1
  %494 = getelementptr double, ptr %490, i64 %492
  %495 = load double, ptr %494, align 8
  %496 = icmp eq i64 %492, 0
  br i1 %496, label %478, label %497
497:
  %498 = mul nuw nsw i64 %492, 56
  %499 = getelementptr i8, ptr %159, i64 %498
  br label %500
500:
  %501 = phi double [ %495, %497 ], [ %509, %500 ]
  %502 = phi i64 [ 0, %497 ], [ %503, %500 ]
  %503 = add nuw nsw i64 %502, 1
  %504 = getelementptr double, ptr %490, i64 %502
  %505 = load double, ptr %504, align 8
  %506 = getelementptr double, ptr %499, i64 %502
  %507 = load double, ptr %506, align 8
  %508 = fmul double %505, %507
  %509 = fsub double %501, %508
  %510 = icmp eq i64 %503, %492
  br i1 %510, label %478, label %500
511:
  %512 = phi i64 [ 0, %529 ], [ %536, %538 ]
  %513 = phi double [ %533, %529 ], [ %547, %538 ]
  %514 = getelementptr double, ptr %159, i64 %512
  %515 = getelementptr double, ptr %514, i64 %530
  %516 = load double, ptr %515, align 8
  %517 = fdiv double %513, %516
  store double %517, ptr %532, align 8
  %518 = icmp eq i64 %531, 3
  br i1 %518, label %549, label %529
519:
  %520 = phi double [ %555, %549 ], [ %569, %559 ]
  %521 = mul nuw nsw i64 %551, 56
  %522 = getelementptr i8, ptr %159, i64 %521
  %523 = getelementptr double, ptr %522, i64 %551
  %524 = load double, ptr %523, align 8
  %525 = fdiv double %520, %524
  store double %525, ptr %554, align 8
  %526 = icmp ugt i64 %550, 1
  br i1 %526, label %549, label %527
527:
  %528 = getelementptr double, ptr %156, i64 %787
  br label %803
529:
  %530 = phi i64 [ %531, %511 ], [ 0, %471 ]
  %531 = add nuw nsw i64 %530, 1
  %532 = getelementptr double, ptr %160, i64 %530
  %533 = load double, ptr %532, align 8
  %534 = icmp eq i64 %530, 0
  br i1 %534, label %511, label %535
535:
  %536 = mul nuw nsw i64 %530, 7
  %537 = getelementptr double, ptr %159, i64 %536
  br label %538
538:
  %539 = phi double [ %533, %535 ], [ %547, %538 ]
  %540 = phi i64 [ 0, %535 ], [ %541, %538 ]
  %541 = add nuw nsw i64 %540, 1
  %542 = getelementptr double, ptr %537, i64 %540
  %543 = load double, ptr %542, align 8
  %544 = getelementptr double, ptr %160, i64 %540
  %545 = load double, ptr %544, align 8
  %546 = fmul double %543, %545
  %547 = fsub double %539, %546
  %548 = icmp eq i64 %541, %530
  br i1 %548, label %511, label %538
549:
  %550 = phi i64 [ %552, %519 ], [ 3, %511 ]
  %551 = phi i64 [ %553, %519 ], [ 2, %511 ]
  %552 = add nsw i64 %550, -1
  %553 = add nsw i64 %551, -1
  %554 = getelementptr double, ptr %160, i64 %551
  %555 = load double, ptr %554, align 8
  %556 = icmp eq i64 %551, 2
  br i1 %556, label %519, label %557
557:
  %558 = getelementptr double, ptr %159, i64 %551
  br label %559
559:
  %560 = phi double [ %555, %557 ], [ %569, %559 ]
  %561 = phi i64 [ %551, %557 ], [ %562, %559 ]
  %562 = add nuw nsw i64 %561, 1
  %563 = mul i64 %562, 56
  %564 = getelementptr i8, ptr %558, i64 %563
  %565 = load double, ptr %564, align 8
  %566 = getelementptr double, ptr %160, i64 %562
  %567 = load double, ptr %566, align 8
  %568 = fmul double %565, %567
  %569 = fsub double %560, %568
  %570 = icmp eq i64 %562, 2
  br i1 %570, label %519, label %559
571:
  %572 = add nuw nsw i64 %826, 1
  %573 = icmp eq i64 %572, 6
  br i1 %573, label %590, label %825
574:
  %575 = add nuw nsw i64 %591, 1
  %576 = getelementptr double, ptr %593, i64 %591
  %577 = fcmp olt double %582, 1.000000e-30
  %578 = select i1 %577, double 1.000000e-30, double %582
  %579 = tail call double @llvm.sqrt.f64(double %578)
  store double %579, ptr %576, align 8
  %580 = icmp eq i64 %575, 6
  br i1 %580, label %630, label %590
581:
  %582 = phi double [ %598, %594 ], [ %612, %603 ]
  %583 = icmp eq i64 %591, %595
  br i1 %583, label %574, label %584
584:
  %585 = mul nuw nsw i64 %595, 56
  %586 = getelementptr i8, ptr %158, i64 %585
  %587 = getelementptr double, ptr %586, i64 %595
  %588 = load double, ptr %587, align 8
  %589 = fdiv double %582, %588
  store double %589, ptr %597, align 8
  br label %594
590:
  %591 = phi i64 [ %575, %574 ], [ 0, %571 ]
  %592 = mul nuw nsw i64 %591, 56
  %593 = getelementptr i8, ptr %158, i64 %592
  br label %594
594:
  %595 = phi i64 [ 0, %590 ], [ %596, %584 ]
  %596 = add nuw nsw i64 %595, 1
  %597 = getelementptr double, ptr %593, i64 %595
  %598 = load double, ptr %597, align 8
  %599 = icmp eq i64 %595, 0
  br i1 %599, label %581, label %600
600:
  %601 = mul nuw nsw i64 %595, 56
  %602 = getelementptr i8, ptr %158, i64 %601
  br label %603
603:
  %604 = phi double [ %598, %600 ], [ %612, %603 ]
  %605 = phi i64 [ 0, %600 ], [ %606, %603 ]
  %606 = add nuw nsw i64 %605, 1
  %607 = getelementptr double, ptr %593, i64 %605
  %608 = load double, ptr %607, align 8
  %609 = getelementptr double, ptr %602, i64 %605
  %610 = load double, ptr %609, align 8
  %611 = fmul double %608, %610
  %612 = fsub double %604, %611
  %613 = icmp eq i64 %606, %595
  br i1 %613, label %581, label %603
614:
  %615 = phi i64 [ 0, %630 ], [ %637, %639 ]
  %616 = phi double [ %634, %630 ], [ %648, %639 ]
  %617 = getelementptr double, ptr %158, i64 %615
  %618 = getelementptr double, ptr %617, i64 %631
  %619 = load double, ptr %618, align 8
  %620 = fdiv double %616, %619
  store double %620, ptr %633, align 8
  %621 = icmp eq i64 %632, 6
  br i1 %621, label %650, label %630
622:
  %623 = phi double [ %656, %650 ], [ %670, %660 ]
  %624 = mul nuw nsw i64 %652, 56
  %625 = getelementptr i8, ptr %158, i64 %624
  %626 = getelementptr double, ptr %625, i64 %652
  %627 = load double, ptr %626, align 8
  %628 = fdiv double %623, %627
  store double %628, ptr %655, align 8
  %629 = icmp ugt i64 %651, 1
  br i1 %629, label %650, label %841
630:
  %631 = phi i64 [ %632, %614 ], [ 0, %574 ]
  %632 = add nuw nsw i64 %631, 1
  %633 = getelementptr double, ptr %162, i64 %631
  %634 = load double, ptr %633, align 8
  %635 = icmp eq i64 %631, 0
  br i1 %635, label %614, label %636
636:
  %637 = mul nuw nsw i64 %631, 7
  %638 = getelementptr double, ptr %158, i64 %637
  br label %639
639:
  %640 = phi double [ %634, %636 ], [ %648, %639 ]
  %641 = phi i64 [ 0, %636 ], [ %642, %639 ]
  %642 = add nuw nsw i64 %641, 1
  %643 = getelementptr double, ptr %638, i64 %641
  %644 = load double, ptr %643, align 8
  %645 = getelementptr double, ptr %162, i64 %641
  %646 = load double, ptr %645, align 8
  %647 = fmul double %644, %646
  %648 = fsub double %640, %647
  %649 = icmp eq i64 %642, %631
  br i1 %649, label %614, label %639
650:
  %651 = phi i64 [ %653, %622 ], [ 6, %614 ]
  %652 = phi i64 [ %654, %622 ], [ 5, %614 ]
  %653 = add nsw i64 %651, -1
  %654 = add nsw i64 %652, -1
  %655 = getelementptr double, ptr %162, i64 %652
  %656 = load double, ptr %655, align 8
  %657 = icmp eq i64 %652, 5
  br i1 %657, label %622, label %658
658:
  %659 = getelementptr double, ptr %158, i64 %652
  br label %660
660:
  %661 = phi double [ %656, %658 ], [ %670, %660 ]
  %662 = phi i64 [ %652, %658 ], [ %663, %660 ]
  %663 = add nuw nsw i64 %662, 1
  %664 = mul i64 %663, 56
  %665 = getelementptr i8, ptr %659, i64 %664
  %666 = load double, ptr %665, align 8
  %667 = getelementptr double, ptr %162, i64 %663
  %668 = load double, ptr %667, align 8
  %669 = fmul double %666, %668
  %670 = fsub double %661, %669
  %671 = icmp eq i64 %663, 5
  br i1 %671, label %622, label %660
672:
  %673 = mul nuw nsw i64 %842, 56
  %674 = getelementptr i8, ptr %118, i64 %673
  br label %861
675:
  %676 = add nuw nsw i64 %842, 1
  %677 = getelementptr double, ptr %124, i64 %842
  store double %870, ptr %677, align 8
  %678 = icmp eq i64 %676, 7
  br i1 %678, label %983, label %841
679:
  %680 = phi i64 [ %681, %386 ], [ 0, %381 ]
  %681 = add nuw nsw i64 %680, 1
  %682 = icmp eq i64 %681, 3
  %683 = add nuw nsw i64 %680, 2
  %684 = urem i64 %683, 3
  %685 = mul nuw nsw i64 %681, 3
  %686 = select i1 %682, i64 0, i64 %685
  %687 = mul nuw nsw i64 %684, 3
  %688 = getelementptr double, ptr %109, i64 %686
  %689 = getelementptr i8, ptr %688, i64 24
  %690 = getelementptr double, ptr %67, i64 %687
  %691 = getelementptr double, ptr %109, i64 %687
  %692 = getelementptr i8, ptr %691, i64 24
  %693 = getelementptr double, ptr %67, i64 %686
  br label %694
694:
  %695 = phi double [ 0.000000e+00, %679 ], [ %709, %694 ]
  %696 = phi i64 [ 0, %679 ], [ %697, %694 ]
  %697 = add nuw nsw i64 %696, 1
  %698 = getelementptr double, ptr %689, i64 %696
  %699 = load double, ptr %698, align 8
  %700 = getelementptr double, ptr %690, i64 %696
  %701 = load double, ptr %700, align 8
  %702 = fmul double %699, %701
  %703 = getelementptr double, ptr %692, i64 %696
  %704 = load double, ptr %703, align 8
  %705 = getelementptr double, ptr %693, i64 %696
  %706 = load double, ptr %705, align 8
  %707 = fmul double %704, %706
  %708 = fsub double %702, %707
  %709 = fadd double %695, %708
  %710 = icmp eq i64 %697, 3
  br i1 %710, label %382, label %694
711:
  %712 = phi double [ 0.000000e+00, %382 ], [ %725, %711 ]
  %713 = phi double [ 0.000000e+00, %382 ], [ %721, %711 ]
  %714 = phi i64 [ 0, %382 ], [ %715, %711 ]
  %715 = add nuw nsw i64 %714, 1
  %716 = getelementptr double, ptr %384, i64 %714
  %717 = load double, ptr %716, align 8
  %718 = getelementptr double, ptr %122, i64 %714
  %719 = load double, ptr %718, align 8
  %720 = fmul double %717, %719
  %721 = fadd double %713, %720
  %722 = getelementptr double, ptr %385, i64 %714
  %723 = load double, ptr %722, align 8
  %724 = fmul double %719, %723
  %725 = fadd double %712, %724
  %726 = icmp eq i64 %715, 7
  br i1 %726, label %386, label %711
727:
  %728 = phi i64 [ %401, %400 ], [ 0, %386 ]
  %729 = mul nuw nsw i64 %728, 56
  %730 = getelementptr i8, ptr %118, i64 %729
  %731 = getelementptr i8, ptr %121, i64 %729
  br label %732
732:
  %733 = phi i64 [ 0, %727 ], [ %734, %732 ]
  %734 = add nuw nsw i64 %733, 1
  %735 = getelementptr double, ptr %730, i64 %733
  %736 = load double, ptr %735, align 8
  %737 = getelementptr double, ptr %731, i64 %733
  store double %736, ptr %737, align 8
  %738 = icmp eq i64 %734, 7
  br i1 %738, label %400, label %732
739:
  %740 = phi i64 [ %444, %443 ], [ 0, %403 ]
  %741 = mul nuw nsw i64 %740, 56
  %742 = getelementptr i8, ptr %115, i64 %741
  %743 = getelementptr double, ptr %157, i64 %740
  br label %744
744:
  %745 = phi i64 [ 0, %739 ], [ %746, %446 ]
  %746 = add nuw nsw i64 %745, 1
  %747 = getelementptr double, ptr %742, i64 %745
  %748 = load double, ptr %747, align 8
  %749 = icmp eq i64 %745, 0
  br i1 %749, label %446, label %750
750:
  %751 = mul nuw nsw i64 %745, 7
  %752 = getelementptr double, ptr %121, i64 %751
  br label %753
753:
  %754 = phi double [ %748, %750 ], [ %763, %753 ]
  %755 = phi i64 [ 0, %750 ], [ %756, %753 ]
  %756 = add nuw nsw i64 %755, 1
  %757 = getelementptr double, ptr %752, i64 %755
  %758 = load double, ptr %757, align 8
  %759 = mul nuw nsw i64 %755, 56
  %760 = getelementptr i8, ptr %743, i64 %759
  %761 = load double, ptr %760, align 8
  %762 = fmul double %758, %761
  %763 = fsub double %754, %762
  %764 = icmp eq i64 %756, %745
  br i1 %764, label %446, label %753
765:
  %766 = phi i64 [ %456, %455 ], [ 0, %443 ]
  %767 = getelementptr double, ptr %158, i64 %766
  %768 = mul nuw nsw i64 %766, 56
  %769 = getelementptr i8, ptr %158, i64 %768
  br label %770
770:
  %771 = phi i64 [ 0, %765 ], [ %459, %458 ]
  br label %772
772:
  %773 = phi double [ 0.000000e+00, %770 ], [ %783, %772 ]
  %774 = phi i64 [ 0, %770 ], [ %775, %772 ]
  %775 = add nuw nsw i64 %774, 1
  %776 = mul nuw nsw i64 %774, 56
  %777 = getelementptr i8, ptr %157, i64 %776
  %778 = getelementptr double, ptr %777, i64 %766
  %779 = load double, ptr %778, align 8
  %780 = getelementptr double, ptr %777, i64 %771
  %781 = load double, ptr %780, align 8
  %782 = fmul double %779, %781
  %783 = fadd double %773, %782
  %784 = icmp eq i64 %775, 7
  br i1 %784, label %458, label %772
785:
  %786 = phi i1 [ false, %464 ], [ true, %455 ]
  %787 = phi i64 [ 3, %464 ], [ 0, %455 ]
  %788 = getelementptr double, ptr %158, i64 %787
  br label %789
789:
  %790 = phi i64 [ 0, %785 ], [ %466, %465 ]
  %791 = add nuw nsw i64 %790, %787
  %792 = mul nuw nsw i64 %790, 56
  %793 = getelementptr i8, ptr %159, i64 %792
  %794 = mul nuw nsw i64 %791, 56
  %795 = getelementptr i8, ptr %788, i64 %794
  br label %796
796:
  %797 = phi i64 [ 0, %789 ], [ %798, %796 ]
  %798 = add nuw nsw i64 %797, 1
  %799 = getelementptr double, ptr %795, i64 %797
  %800 = load double, ptr %799, align 8
  %801 = getelementptr double, ptr %793, i64 %797
  store double %800, ptr %801, align 8
  %802 = icmp eq i64 %798, 3
  br i1 %802, label %465, label %796
803:
  %804 = phi i64 [ %805, %803 ], [ 0, %527 ]
  %805 = add nuw nsw i64 %804, 1
  %806 = getelementptr double, ptr %160, i64 %804
  %807 = load double, ptr %806, align 8
  %808 = getelementptr double, ptr %528, i64 %804
  store double %807, ptr %808, align 8
  %809 = icmp eq i64 %805, 3
  br i1 %809, label %464, label %803
810:
  %811 = phi i64 [ %812, %810 ], [ 0, %464 ]
  %812 = add nuw nsw i64 %811, 1
  %813 = getelementptr double, ptr %61, i64 %811
  %814 = load double, ptr %813, align 8
  %815 = getelementptr double, ptr %112, i64 %811
  %816 = load double, ptr %815, align 8
  %817 = fsub double %814, %816
  %818 = fmul double %817, 1.000000e+01
  %819 = getelementptr double, ptr %122, i64 %811
  %820 = load double, ptr %819, align 8
  %821 = fmul double %820, 0x40194C583ADA5B53
  %822 = fsub double %818, %821
  %823 = getelementptr double, ptr %161, i64 %811
  store double %822, ptr %823, align 8
  %824 = icmp eq i64 %812, 7
  br i1 %824, label %825, label %810
825:
  %826 = phi i64 [ %572, %571 ], [ 0, %810 ]
  %827 = getelementptr double, ptr %162, i64 %826
  %828 = mul nuw nsw i64 %826, 56
  %829 = getelementptr i8, ptr %115, i64 %828
  store double 0.000000e+00, ptr %827, align 8
  br label %830
830:
  %831 = phi i64 [ 0, %825 ], [ %833, %830 ]
  %832 = phi double [ 0.000000e+00, %825 ], [ %839, %830 ]
  %833 = add nuw nsw i64 %831, 1
  %834 = getelementptr double, ptr %829, i64 %831
  %835 = load double, ptr %834, align 8
  %836 = getelementptr double, ptr %161, i64 %831
  %837 = load double, ptr %836, align 8
  %838 = fmul double %835, %837
  %839 = fadd double %832, %838
  store double %839, ptr %827, align 8
  %840 = icmp eq i64 %833, 7
  br i1 %840, label %571, label %830
841:
  %842 = phi i64 [ %676, %675 ], [ 0, %622 ]
  %843 = getelementptr double, ptr %123, i64 %842
  %844 = load double, ptr %843, align 8
  %845 = getelementptr double, ptr %115, i64 %842
  br label %846
846:
  %847 = phi double [ %844, %841 ], [ %859, %846 ]
  %848 = phi i64 [ 0, %841 ], [ %849, %846 ]
  %849 = add nuw nsw i64 %848, 1
  %850 = mul nuw nsw i64 %848, 56
  %851 = getelementptr i8, ptr %845, i64 %850
  %852 = load double, ptr %851, align 8
  %853 = getelementptr double, ptr %156, i64 %848
  %854 = load double, ptr %853, align 8
  %855 = getelementptr double, ptr %162, i64 %848
  %856 = load double, ptr %855, align 8
  %857 = fsub double %854, %856
  %858 = fmul double %852, %857
  %859 = fadd double %847, %858
  %860 = icmp eq i64 %849, 6
  br i1 %860, label %672, label %846
861:
  %862 = phi double [ %859, %672 ], [ %870, %861 ]
  %863 = phi i64 [ 0, %672 ], [ %864, %861 ]
  %864 = add nuw nsw i64 %863, 1
  %865 = getelementptr double, ptr %674, i64 %863
  %866 = load double, ptr %865, align 8
  %867 = getelementptr double, ptr %161, i64 %863
  %868 = load double, ptr %867, align 8
  %869 = fmul double %866, %868
  %870 = fadd double %862, %869
  %871 = icmp eq i64 %864, 7
  br i1 %871, label %675, label %861
872:
  %873 = load double, ptr %163, align 8
  %874 = fcmp ogt double %873, 0.000000e+00
  %875 = fcmp olt double %873, 0.000000e+00
  %876 = select i1 %875, double -1.000000e+00, double %873
  %877 = select i1 %874, double 1.000000e+00, double %876
  %878 = fmul double %164, %877
  %879 = load double, ptr %70, align 8
  %880 = fsub double %879, %878
  %881 = fcmp olt double %880, -1.000000e+00
  %882 = select i1 %881, double -1.000000e+00, double %880
  %883 = fcmp ogt double %882, 1.000000e+00
  %884 = select i1 %883, double 1.000000e+00, double %882
  store double %884, ptr %70, align 8
  %885 = load double, ptr %165, align 8
  %886 = fadd double %885, %878
  %887 = fcmp olt double %886, -1.000000e+00
  %888 = select i1 %887, double -1.000000e+00, double %886
  %889 = fcmp ogt double %888, 1.000000e+00
  %890 = select i1 %889, double 1.000000e+00, double %888
  store double %890, ptr %165, align 8
  br label %1006
891:
  call void @mj_step2(i64 %3, i64 %5)
  %893 = icmp eq i64 %171, %87
  br i1 %893, label %894, label %897
894:
  br i1 %166, label %895, label %1031
895:
  br i1 %167, label %896, label %1038
896:
  br i1 %168, label %897, label %1045
897:
  %898 = icmp eq i64 %171, %7
  br i1 %898, label %1052, label %169
899:
  %900 = phi i64 [ %901, %899 ], [ %173, %169 ]
  %901 = add nsw i64 %900, -1
  call void @mj_fwdActuation(i64 %3, i64 %5)
  call void @mj_fwdAcceleration(i64 %3, i64 %5)
  call void @mj_fwdConstraint(i64 %3, i64 %5)
  %905 = icmp ugt i64 %900, 1
  br i1 %905, label %899, label %906
906:
  br label %907
907:
  %908 = phi i64 [ %909, %178 ], [ 0, %906 ]
  %909 = add nuw nsw i64 %908, 1
  %910 = icmp ult i64 %908, 3
  %911 = getelementptr double, ptr %151, i64 %908
  %912 = getelementptr double, ptr %147, i64 %908
  %913 = getelementptr i8, ptr %912, i64 -24
  %914 = select i1 %910, ptr %911, ptr %913
  %915 = load double, ptr %914, align 8
  %916 = getelementptr double, ptr %109, i64 %908
  store double %915, ptr %916, align 8
  %917 = load i64, ptr %82, align 8
  %918 = icmp eq i64 %917, 0
  br i1 %918, label %178, label %175
919:
  %920 = phi i64 [ 0, %330 ], [ %333, %368 ]
  %921 = getelementptr i64, ptr %52, i64 %920
  %922 = load i64, ptr %921, align 8
  %923 = getelementptr i64, ptr %49, i64 %920
  %924 = load i64, ptr %923, align 8
  %925 = icmp slt i64 %924, 0
  %926 = select i1 %925, i64 %14, i64 0
  %927 = getelementptr double, ptr %15, i64 %924
  %928 = getelementptr double, ptr %927, i64 %926
  %929 = load double, ptr %928, align 8
  %930 = icmp slt i64 %922, 0
  %931 = select i1 %930, i64 %19, i64 0
  %932 = getelementptr double, ptr %20, i64 %922
  %933 = getelementptr double, ptr %932, i64 %931
  %934 = load double, ptr %933, align 8
  %935 = select i1 %930, i64 %34, i64 0
  %936 = getelementptr double, ptr %35, i64 %922
  %937 = getelementptr double, ptr %936, i64 %935
  %938 = load double, ptr %937, align 8
  %939 = getelementptr double, ptr %112, i64 %920
  store double %929, ptr %939, align 8
  %940 = getelementptr double, ptr %122, i64 %920
  store double %934, ptr %940, align 8
  %941 = getelementptr double, ptr %123, i64 %920
  store double %938, ptr %941, align 8
  %942 = select i1 %930, i64 %105, i64 0
  %943 = getelementptr double, ptr %106, i64 %942
  %944 = getelementptr double, ptr %943, i64 %922
  %945 = getelementptr double, ptr %115, i64 %920
  br label %946
946:
  %947 = phi i64 [ 0, %919 ], [ %948, %946 ]
  %948 = add nuw nsw i64 %947, 1
  %949 = mul i64 %947, %105
  %950 = getelementptr double, ptr %944, i64 %949
  %951 = load double, ptr %950, align 8
  %952 = mul nuw nsw i64 %947, 56
  %953 = getelementptr i8, ptr %945, i64 %952
  store double %951, ptr %953, align 8
  %954 = add nuw nsw i64 %947, 3
  %955 = mul i64 %954, %105
  %956 = getelementptr double, ptr %944, i64 %955
  %957 = load double, ptr %956, align 8
  %958 = getelementptr i8, ptr %953, i64 168
  store double %957, ptr %958, align 8
  %959 = icmp eq i64 %948, 3
  br i1 %959, label %332, label %946
960:
  %961 = phi i64 [ %374, %373 ], [ 0, %370 ]
  %962 = getelementptr double, ptr %61, i64 %961
  %963 = load double, ptr %962, align 8
  %964 = getelementptr double, ptr %112, i64 %961
  store double %963, ptr %964, align 8
  %965 = getelementptr double, ptr %122, i64 %961
  store double 0.000000e+00, ptr %965, align 8
  %966 = getelementptr double, ptr %76, i64 %961
  %967 = getelementptr double, ptr %115, i64 %961
  br label %968
968:
  %969 = phi i64 [ 0, %960 ], [ %970, %968 ]
  %970 = add nuw nsw i64 %969, 1
  %971 = mul nuw nsw i64 %969, 56
  %972 = getelementptr i8, ptr %966, i64 %971
  %973 = load double, ptr %972, align 8
  %974 = getelementptr i8, ptr %967, i64 %971
  store double %973, ptr %974, align 8
  %975 = icmp eq i64 %970, 6
  br i1 %975, label %376, label %968
976:
  %977 = phi i64 [ 0, %376 ], [ %978, %976 ]
  %978 = add nuw nsw i64 %977, 1
  %979 = getelementptr double, ptr %378, i64 %977
  %980 = load double, ptr %979, align 8
  %981 = getelementptr double, ptr %379, i64 %977
  store double %980, ptr %981, align 8
  %982 = icmp eq i64 %978, 7
  br i1 %982, label %373, label %976
983:
  %984 = phi i64 [ %985, %983 ], [ 0, %675 ]
  %985 = add nuw nsw i64 %984, 1
  %986 = getelementptr i64, ptr %55, i64 %984
  %987 = load i64, ptr %986, align 8
  %988 = getelementptr double, ptr %124, i64 %984
  %989 = load double, ptr %988, align 8
  %990 = icmp slt i64 %987, 0
  %991 = select i1 %990, i64 %45, i64 0
  %992 = add i64 %991, %987
  %993 = shl i64 %992, 4
  %994 = getelementptr i8, ptr %46, i64 %993
  %995 = load double, ptr %994, align 8
  %996 = fcmp ogt double %995, %989
  %997 = select i1 %996, double %995, double %989
  %998 = getelementptr i8, ptr %994, i64 8
  %999 = load double, ptr %998, align 8
  %1000 = fcmp olt double %999, %997
  %1001 = select i1 %1000, double %999, double %997
  %1002 = select i1 %990, i64 %24, i64 0
  %1003 = getelementptr double, ptr %25, i64 %987
  %1004 = getelementptr double, ptr %1003, i64 %1002
  store double %1001, ptr %1004, align 8
  %1005 = icmp eq i64 %985, 7
  br i1 %1005, label %872, label %983
1006:
  %1007 = phi i64 [ 0, %872 ], [ %1008, %1006 ]
  %1008 = add nuw nsw i64 %1007, 1
  %1009 = getelementptr i64, ptr %58, i64 %1007
  %1010 = load i64, ptr %1009, align 8
  %1011 = icmp slt i64 %1010, 0
  %1012 = select i1 %1011, i64 %45, i64 0
  %1013 = add i64 %1012, %1010
  %1014 = shl i64 %1013, 4
  %1015 = getelementptr i8, ptr %46, i64 %1014
  %1016 = load double, ptr %1015, align 8
  %1017 = getelementptr i8, ptr %1015, i64 8
  %1018 = load double, ptr %1017, align 8
  %1019 = fadd double %1016, %1018
  %1020 = fmul double %1019, 5.000000e-01
  %1021 = fsub double %1018, %1016
  %1022 = fmul double %1021, 5.000000e-01
  %1023 = getelementptr double, ptr %70, i64 %1007
  %1024 = load double, ptr %1023, align 8
  %1025 = fmul double %1024, %1022
  %1026 = fadd double %1020, %1025
  %1027 = select i1 %1011, i64 %24, i64 0
  %1028 = getelementptr double, ptr %25, i64 %1010
  %1029 = getelementptr double, ptr %1028, i64 %1027
  store double %1026, ptr %1029, align 8
  %1030 = icmp eq i64 %1008, 2
  br i1 %1030, label %891, label %1006
1031:
  %1032 = phi i64 [ %1033, %1031 ], [ 0, %894 ]
  %1033 = add nuw nsw i64 %1032, 1
  %1034 = getelementptr double, ptr %92, i64 %1032
  %1035 = load double, ptr %1034, align 8
  %1036 = getelementptr double, ptr %95, i64 %1032
  store double %1035, ptr %1036, align 8
  %1037 = icmp eq i64 %91, %1033
  br i1 %1037, label %895, label %1031
1038:
  %1039 = phi i64 [ %1040, %1038 ], [ 0, %895 ]
  %1040 = add nuw nsw i64 %1039, 1
  %1041 = getelementptr double, ptr %15, i64 %1039
  %1042 = load double, ptr %1041, align 8
  %1043 = getelementptr double, ptr %98, i64 %1039
  store double %1042, ptr %1043, align 8
  %1044 = icmp eq i64 %14, %1040
  br i1 %1044, label %896, label %1038
1045:
  %1046 = phi i64 [ %1047, %1045 ], [ 0, %896 ]
  %1047 = add nuw nsw i64 %1046, 1
  %1048 = getelementptr double, ptr %20, i64 %1046
  %1049 = load double, ptr %1048, align 8
  %1050 = getelementptr double, ptr %101, i64 %1046
  store double %1049, ptr %1050, align 8
  %1051 = icmp eq i64 %19, %1047
  br i1 %1051, label %897, label %1045
1052:
  ret void
}
declare void @mj_step1(i64, i64)
declare void @mj_fwdActuation(i64, i64)
declare void @mj_fwdAcceleration(i64, i64)
declare void @mj_fwdConstraint(i64, i64)
declare void @mj_jacSite(i64, i64, i64, i64, i32)
declare void @mj_step2(i64, i64)
declare double @llvm.sqrt.f64(double)
declare double @llvm.sin.f64(double)
declare double @llvm.cos.f64(double)
