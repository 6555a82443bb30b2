%% What one process tells of itself: a row of an answer. To be included behind beamscope_process_scan.hrl, in front of
%% the first function.

-include("beamscope_own.hrl").

%% Rows that a helper reads.
-define(AT_ONCE, 5).

-type item() ::
    registered_name
    | current_function
    | initial_call
    | label
    | application
    | own
    | status
    | message_queue_len
    | reductions
    | memory
    | total_heap_size
    | heap_size
    | stack_size
    | group_leader.
%% What a row tells. `initial_call' is the callback of a `proc_lib' process where it can be read. `label' is
%% `{term, Label}', cut where it is large, or `unread' (from OTP 27 on) where the queue is long, the heap is large, or
%% the label is when copied, or `late' where there was no time. `own' tells whether the process works for the node that asks. Whatever else is not known, or was not
%% read, is `undefined'.

%% Rows, and `[rows]' where time ran out for some of them. `rows(Some, Sort, Plan)' makes those of an entry or more of
%% `Top'; where it took long to get at them, helpers read some at a time.
told(Top, false, #{until := Until}, Sort, Plan) ->
    {Rows, Late} = rows_with_copies(Top, Sort, Plan#{until := Until}),
    {Rows, [rows || Late]};
told(Top, true, #{until := Until} = Bounds, Sort, Earlier) ->
    Plan = Earlier#{until := Until},
    Next = fun(_, Entries) -> some(?AT_ONCE, Entries) end,
    Keep = fun(Some, {Rows, Late}, {Done, Before}) -> {Done#{Some => Rows}, Late orelse Before} end,
    Task = {rows, Sort, Plan},
    {{Done, AnyLate}, Why, _} = gather(Next, Top, Bounds#{helpers => ?COPY_HELPERS}, Task, Keep, {#{}, {#{}, false}}),
    Brief = fun(Some) -> rows(Some, Sort, Plan#{brief => true}) end,
    {in_order(Top, Done, Brief), [rows || AnyLate orelse Why =/= []]}.

%% Rows, and whether there was no time for something that is copied.
rows_with_copies(Top, Sort, Plan) ->
    Copies = with_copies(Top, Plan),
    {rows(Top, Sort, Copies), is_late(Copies)}.

in_order(Top, Done, Brief) ->
    case some(?AT_ONCE, Top) of
        none ->
            [];
        {Some, Rest} ->
            Rows =
                case Done of
                    #{Some := Read} -> Read;
                    _ -> Brief(Some)
                end,
            Rows ++ in_order(Rest, Done, Brief)
    end.

%% The plan, with what is copied out of the processes of the entries: `labels' as of `cut_labels', and `callbacks', where
%% these take a whole dictionary, which is copied once for both; `late' for each that there was no time for.
with_copies(Top, #{items := Items, long_queue := LongQueue, reads_keys := ReadsKeys} = Plan) ->
    Labels = lists:member(label, Items),
    Callbacks = not ReadsKeys andalso lists:member(initial_call, Items),
    case Labels orelse Callbacks of
        true when ReadsKeys ->
            {Sized, _, _} = copyable(short([element(2, Entry) || Entry <- Top], LongQueue)),
            Plan#{labels => with_late(copied(Sized, fun(Pids) -> cut_labels(labels(Pids, Plan)) end, Plan)), callbacks => #{}};
        true ->
            {Sized, _, _} = copyable(started(short([element(2, Entry) || Entry <- Top], LongQueue))),
            {Told, Large, Late} = copied(Sized, fun kept_of_both/1, Plan),
            Plan#{
                labels => with_late({[Label || {Label, _} <- Told], Large, Late}),
                callbacks => with_late({[Callback || {_, Callback} <- Told], Large, Late})
            };
        false ->
            Plan
    end.

kept_of_both(Pids) ->
    Read = from_dictionaries(['$process_label', '$initial_call'], Pids),
    lists:zip(
        cut_labels([{Pid, labelled(Label)} || {Pid, [Label, _]} <- Read]), [{Pid, Call} || {Pid, [_, Call]} <- Read]
    ).

with_late({Told, _, Late}) -> maps:from_list(Told ++ [{Pid, late} || Pid <- Late]).

is_late(#{labels := Labels, callbacks := Callbacks}) -> lists:member(late, maps:values(Labels) ++ maps:values(Callbacks));
is_late(_) -> false.

%% The items of a process, in a list of one; an empty list when it has ended.
row(Pid, Known, #{items := Items, brief := true}) ->
    %% What is there to be read, whatever the process does.
    case erlang:process_info(Pid, [registered_name, initial_call, status, message_queue_len, reductions]) of
        undefined -> [];
        Facts -> [tell_known(Items, maps:merge(maps:from_list(Facts), Known))]
    end;
row(Pid, Known, #{items := Items} = Plan) ->
    Cheap = [
        registered_name,
        current_function,
        initial_call,
        status,
        message_queue_len,
        reductions,
        heap_size,
        stack_size,
        group_leader
    ],
    case erlang:process_info(Pid, Cheap) of
        undefined ->
            [];
        Facts ->
            [tell_all(Items, Pid, maps:merge(maps:from_list(Facts), Known), Plan)]
    end.

tell_all(Items, Pid, Told, Plan) -> [tell(Item, Pid, Told, Plan) || Item <- Items].

tell_known(Items, Told) -> [tell_briefly(Item, Told) || Item <- Items].

tell_briefly(label, #{label := {Label}}) -> {term, Label};
tell_briefly(label, #{label := []}) -> undefined;
tell_briefly(label, _) -> no_label(late);
tell_briefly(Item, Told) -> hd([Value || Value <- [maps:get(Item, Told, [])], Value =/= []] ++ [undefined]).

%% There are labels from OTP 27 on.
no_label(Why) -> hd([Why || erlang:function_exported(proc_lib, set_label, 1)] ++ [undefined]).

tell(registered_name, _, #{registered_name := []}, _) ->
    undefined;
%% As it was ranked.
tell(initial_call, _, #{initial_call := Call}, #{sort := initial_call}) ->
    Call;
tell(initial_call, Pid, #{initial_call := Call}, Plan) ->
    case callback(Pid, Plan) of
        {Module, Function, Arity} = Callback when is_atom(Module), is_atom(Function), is_integer(Arity) -> Callback;
        _ -> Call
    end;
tell(label, Pid, _, #{labels := Labels}) ->
    case Labels of
        #{Pid := none} -> undefined;
        #{Pid := {term, Label}} -> {term, Label};
        #{Pid := {term, Cut, _}} -> {term, Cut};
        #{Pid := late} -> no_label(late);
        _ -> no_label(unread)
    end;
tell(application, Pid, _, _) ->
    case application:get_application(Pid) of
        {ok, Application} -> Application;
        undefined -> undefined
    end;
tell(own, _, #{registered_name := Name, group_leader := Leader}, _) ->
    is_own(Name, Leader);
tell(Item, Pid, Told, Plan) ->
    case {Told, Item} of
        {#{Item := Value}, _} -> Value;
        {_, memory} -> walk_queue(memory, Pid, Told, Plan);
        {_, total_heap_size} -> walk_queue(total_heap_size, Pid, Told, Plan);
        _ -> error({unknown_item, Item})
    end.

walk_queue(Item, Pid, #{message_queue_len := Messages}, #{long_queue := LongQueue}) ->
    case Messages =< LongQueue of
        true -> fact(Pid, Item);
        false -> undefined
    end.

%% What a process says to be, `undefined' where it does not, or where that was not read.
callback(Pid, #{reads_keys := true}) -> fact(Pid, {dictionary, '$initial_call'});
callback(Pid, #{callbacks := Callbacks}) -> maps:get(Pid, Callbacks, undefined).
